//! How much may this caller still do, agreed between regions without asking?
//!
//! Two halves. The [`Table`] answers requests: shared by all cores, in a few hundred nanoseconds,
//! without a lock once a subject is known, no peers involved. [`Counters`] belongs to the control
//! thread: it merges what other nodes counted, and boils it down, a subject at a time, to a
//! straight line (so many so far, so many a second) that the table adds to its own count.
//!
//! `ALGORITHM.md` beside this crate holds the rule, its errors and its worst case. Nothing here
//! knows a network, a clock or HTTP.

mod actor;
mod bucket;
mod buckets;
mod calendar;
mod counters;
mod delta;
mod digest;
mod line;
mod per;
mod rename;
mod rights;
mod row;
mod share;
mod sketch;
mod slot;
mod spec;
mod stored;
mod subject;
mod table;
mod verdict;
mod window;

pub use actor::Actor;
pub use calendar::{Calendar, Unit, UnknownZone, Zone};
pub use counters::{
    Absorbed, Audience, Counters, CountersSpec, HotSubject, Judged, NodeWord, RegionPart,
    SubjectView, TOP_MAX, Told, Top, TopBy,
};
pub use delta::{Batch, Delta, Group, Update};
pub use digest::{DIGEST_SHARDS, Digest};
pub use per::{Dimension, Network, Per};
pub use rename::Rename;
pub use rights::{RealmSpec, RightsOf, RightsTo, RightsWord};
pub use row::{Count, Row};
pub use share::{Presence, RegionPresence};
pub use spec::{
    Algorithm, BurstShare, Cost, DelaySpec, Enforce, LimitSpec, Mode, OnPartition, OnStoreDown,
    RedisSpec, Scope, StoreKind, TableSpec, WindowSpec,
};
pub use stored::{Answer, Question, Terms};
pub use subject::{Limit, LimitId, LimitIx, Naming, NotASubject, SubjectKey};
pub use table::{
    Ask, Decision, LIMITS_PER_REQUEST_MAX, Receipt, StoreReceipt, Table, TooManyLimits,
};
pub use verdict::{Verdict, policy_field, ratelimit_field, retry_after_secs, rights_pause};
pub use window::{Window, WindowIx, Windows};
