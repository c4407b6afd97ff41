//! Which trace a request belongs to, what is written down of it, and which traces are kept.
//!
//! [`Propagation`] reads what clients say in their head and writes what services are told.
//! [`Sampling`] decides: before a service is asked ([`Sampling::head`]), because services must be
//! told, and once more when the request is over ([`Sampling::tail`]). A [`Recorder`] collects the
//! spans of one request, within a bound, and [`Match`] says which requests somebody wants to see.

mod context;
mod id;
mod matching;
mod propagation;
mod recorder;
mod sampling;

pub use context::{Context, Parent};
pub use id::{SpanId, TraceId};
pub use matching::{BadMatch, Early, Late, Match};
pub use propagation::{Format, Propagation};
pub use recorder::{Attribute, Kind, Opened, Recorder, Root, Span, Trace, Value};
pub use sampling::{Kept, Outcome, Sampling};
