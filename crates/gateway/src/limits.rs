//! What operators see and reset of limits: documents of the admin door, which the command line
//! reads.
//!
//! Nodes count hashes and do not keep whose they are. Names are found the other way round when an
//! operator asks: all keys and routes that there are, hashed, until one fits.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_limit::{
    Algorithm, Dimension, HotSubject, Limit, LimitId, Mode, StoreKind, SubjectKey, SubjectView,
    Windows,
};
use tidegate_model::{NodeId, Period};
use tidegate_pipeline::Snapshot;

use crate::key_record::ListedKey;

/// Names that are tried for one limit, at most: a few milliseconds.
const NAMES_MAX: usize = 50_000;

/// A limit, as operators wrote it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LimitTerms {
    pub(crate) limit: String,
    pub(crate) amount: u32,
    /// As the configuration has it; empty where there is none.
    pub(crate) window: String,
    pub(crate) algorithm: String,
    pub(crate) scope: String,
    pub(crate) on_partition: String,
    /// Who decides at the moment: `mesh` or `redis`; of a limit in Redis that does not answer, what
    /// applies without it.
    pub(crate) decided_by: String,
    /// Where it is counted while all is well: `mesh` or `redis`.
    pub(crate) store: String,
    /// What requests are told apart by: a value each names a subject.
    pub(crate) per: Vec<String>,
    pub(crate) shadow: bool,
}

/// The hottest subjects, as one node sees them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TopDocument {
    pub(crate) node: NodeId,
    pub(crate) subjects_hot: usize,
    pub(crate) subjects_looked_at: usize,
    /// Whether Redis decides the limits that are counted there; none if there is no Redis.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) redis_up: Option<bool>,
    pub(crate) subjects: Vec<TopRow>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TopRow {
    pub(crate) limit: String,
    /// Whose requests, if names were asked for and one fits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) view: HotSubject,
}

/// One subject, as one node sees it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SubjectDocument {
    pub(crate) node: NodeId,
    #[serde(flatten)]
    pub(crate) terms: LimitTerms,
    /// The amount that applies to this subject, and all that is known of it.
    pub(crate) seen: SubjectView,
}

/// What became of a reset.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ResetDocument {
    pub(crate) node: NodeId,
    pub(crate) limit: String,
    pub(crate) subject: SubjectKey,
    /// It holds on this node already, and was sent to so many others of the region, and to so many
    /// border nodes elsewhere; these pass it on.
    pub(crate) sent_to_mates: usize,
    pub(crate) sent_to_regions: usize,
    /// Until when the subject counts under a fresh name.
    pub(crate) until_unix_secs: u64,
}

impl LimitTerms {
    /// `store_up` if Redis answers.
    pub(crate) fn of(limit: &Limit, store_up: bool) -> Self {
        let per = limit.per.dimensions().iter();
        Self {
            limit: limit.name.to_string(),
            amount: limit.amount,
            window: window_text(limit),
            algorithm: limit.algorithm.label().to_owned(),
            scope: limit.scope.label().to_owned(),
            on_partition: limit.on_partition.label().to_owned(),
            decided_by: match (limit.store, store_up) {
                (StoreKind::Redis, false) => limit.on_store_down.label(),
                (store, _) => store.label(),
            }
            .to_owned(),
            store: limit.store.label().to_owned(),
            per: per
                .filter(|by| **by != Dimension::All)
                .map(Dimension::label)
                .collect(),
            shadow: limit.shadow,
        }
    }
}

fn window_text(limit: &Limit) -> String {
    match &limit.windows {
        _ if limit.algorithm == Algorithm::Concurrency => String::new(),
        Windows::Even(length) => Period::from_secs(length.as_secs()).to_string(),
        Windows::Calendar(calendar) => calendar.unit().label().to_owned(),
    }
}

/// How long the windows of a limit are whose subjects can be reset.
///
/// # Errors
/// Why they cannot.
pub(crate) fn resettable(limit: &Limit) -> Result<Duration, &'static str> {
    match (&limit.windows, limit.algorithm, limit.mode) {
        (Windows::Calendar(_), ..) => Err(
            "a quota cannot be reset: its counts are kept on disk. Raise its amount, or the caller's plan",
        ),
        (_, Algorithm::Concurrency, _) => {
            Err("requests under way cannot be reset: they count until they end")
        }
        (_, _, Mode::Strict) => Err(
            "a strict limit cannot be reset: that would exceed it. Raise its amount, or the caller's plan",
        ),
        (Windows::Even(length), ..) => Ok(*length),
    }
}

/// The limit that runs under this number.
pub(crate) fn by_id(snapshot: &Snapshot, id: LimitId) -> Option<&Limit> {
    let mut limits = snapshot.limits.iter().map(|(limit, _)| limit);
    limits.find(|limit| limit.id == id)
}

/// Names of subjects of `limit`, as far as keys and routes tell. Values of headers and cookies, and
/// addresses, are not known to the node and found by nobody.
pub(crate) fn names(
    snapshot: &Snapshot,
    limit: &Limit,
    keys: &[ListedKey],
) -> BTreeMap<SubjectKey, String> {
    let mut found = vec![Vec::new()];
    for dimension in limit.per.dimensions() {
        let Some(values) = values(snapshot, dimension, keys) else {
            return BTreeMap::new();
        };
        let longer = found.iter().flat_map(|start: &Vec<String>| {
            let with = |value: &String| start.iter().chain([value]).cloned().collect();
            values.iter().map(with).collect::<Vec<Vec<String>>>()
        });
        found = match dimension {
            Dimension::All => continue,
            _ => longer.take(NAMES_MAX).collect(),
        };
    }
    let named = found.into_iter().filter_map(|values| {
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let subject = snapshot.subject(limit, &texts).ok()?;
        Some((subject, values.join(" ")))
    });
    named.collect()
}

/// All values that a dimension is known to have; `None` if that cannot be known.
fn values(snapshot: &Snapshot, by: &Dimension, keys: &[ListedKey]) -> Option<Vec<String>> {
    let keys = keys.iter();
    match by {
        Dimension::Key => Some(keys.map(|key| key.kid.to_string()).collect()),
        Dimension::Consumer => Some(keys.map(|key| key.consumer.clone()).collect()),
        Dimension::Route => {
            let routes = snapshot.routes.iter();
            Some(routes.map(|route| route.name.clone()).collect())
        }
        Dimension::MethodClass => Some(["read", "write"].map(str::to_owned).to_vec()),
        Dimension::All => Some(Vec::new()),
        Dimension::Ip
        | Dimension::Network(_)
        | Dimension::Header(_)
        | Dimension::Cookie(_)
        | Dimension::Claim(_)
        | Dimension::Host
        | Dimension::Method => None,
    }
}
