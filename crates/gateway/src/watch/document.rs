//! The document that the console, `tidegate top` and `tidegate graph --live` read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_cluster::Node;
use tidegate_limit::TopBy;

use super::journal::{Entry, Fact, Journal, Seen};
use super::rates::Rates;
use crate::admin::{StatusDocument, status};
use crate::limits::{LimitTerms, TopDocument, TopRow, by_id};
use crate::services::Services;
use crate::topology::Topology;

/// Hottest subjects that are shown.
const HOTTEST: usize = 10;

/// The world as one node sees it, and what went on there.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorldDocument {
    pub(crate) at_unix_ms: u64,
    /// The region of the node that speaks.
    pub(crate) home: String,
    pub(crate) status: StatusDocument,
    pub(crate) topology: Arc<Topology>,
    pub(crate) rates: Rates,
    pub(crate) limits: Vec<LimitTerms>,
    pub(crate) hottest: Option<TopDocument>,
    /// Why the key store does not answer.
    pub(crate) key_store_trouble: Option<String>,
    /// What each node runs, as it is written elsewhere: no JavaScript holds such numbers.
    pub(crate) generations: BTreeMap<String, String>,
    /// Whether nodes run different configurations.
    pub(crate) drift: bool,
    /// The latest first.
    pub(crate) journal: Vec<Entry>,
}

/// What is compared from one look to the next; nothing once the control plane has stopped.
pub(super) async fn look(services: &Services) -> Option<Seen> {
    let status = status(services).await?;
    let mut seen = Seen::default();
    cluster_facts(&status, &mut seen);
    let live = services.shared.live.load();
    for pool in &live.snapshot.pools {
        for endpoint in &pool.endpoints {
            let name = format!("{} of {}", endpoint.label, pool.name);
            seen.fact(
                format!("endpoint {name}"),
                endpoint.is_fit(),
                true,
                format!("The endpoint {name} answers its probes again."),
                format!("The endpoint {name} is unfit."),
            );
        }
    }
    if let Some(store) = &live.store {
        seen.fact(
            "redis".to_owned(),
            store.is_up(),
            true,
            "The Redis of limits answers again.".to_owned(),
            "The Redis of limits does not answer.".to_owned(),
        );
    }
    seen.fact(
        "key store".to_owned(),
        services.shared.keys.store_answers(),
        true,
        "The key store answers again.".to_owned(),
        "The key store does not answer: known keys are served.".to_owned(),
    );
    Some(seen)
}

fn cluster_facts(status: &StatusDocument, seen: &mut Seen) {
    let cluster = &status.cluster;
    for region in &cluster.regions {
        let name = &region.region;
        if let Some(announced) = region.announced {
            seen.fact(
                format!("region {name} announced"),
                announced,
                true,
                format!("{name} is announced."),
                format!("{name} is withdrawn."),
            );
        }
        if !region.home {
            seen.fact(
                format!("region {name} heard"),
                region.presence == "reachable",
                true,
                format!("{name} is heard again."),
                format!("{name} is silent."),
            );
        }
        for node in &region.nodes {
            node_facts(node, seen);
        }
    }
    seen.fact(
        "held".to_owned(),
        cluster.held,
        false,
        "An operator holds what this node announces as it is.".to_owned(),
        "Checks decide again what this node announces.".to_owned(),
    );
    let this = &cluster.node;
    let words = &mut seen.words;
    words.insert(format!("{this} is"), Some(cluster.steering.clone()));
    words.insert(format!("{this} is ill:"), cluster.trouble.clone());
    words.insert(format!("{this}"), cluster.veto.clone());
    let trouble = status.anycast_trouble.clone();
    words.insert("Routers do not do what is wanted:".to_owned(), trouble);
}

fn node_facts(node: &tidegate_cluster::NodeStatus, seen: &mut Seen) {
    let (name, facts) = (&node.node, &node.facts);
    seen.fact(
        format!("node {name} alive"),
        node.alive,
        true,
        format!("{name} is alive."),
        format!("{name} is taken for dead."),
    );
    // Of the dead nothing else is known.
    if node.alive {
        seen.fact(
            format!("node {name} fit"),
            facts.fit || !facts.ready,
            true,
            format!("{name} passes its checks again."),
            format!("{name} fails its checks."),
        );
        seen.fact(
            format!("node {name} announced"),
            facts.announced,
            true,
            format!("{name} announces itself."),
            format!("{name} has withdrawn itself."),
        );
        let generation = facts.generation.to_string();
        seen.words
            .insert(format!("{name} runs generation"), Some(generation));
    }
}

impl Seen {
    fn fact(&mut self, name: String, holds: bool, wanted: bool, yes: String, no: String) {
        self.facts.insert(
            name,
            Fact {
                holds,
                yes,
                no,
                wanted,
            },
        );
    }
}

pub(super) async fn document(
    services: &Services,
    rates: Rates,
    journal: &Journal,
) -> Option<WorldDocument> {
    let status = status(services).await?;
    let live = services.shared.live.load_full();
    let look = |node: &Node, now| node.counters().top(None, TopBy::Refused, HOTTEST, now);
    let top = services.cluster.look(look).await;
    let redis_up = live.store.as_ref().map(|store| store.is_up());
    let hottest = top.map(|top| TopDocument {
        node: services.node.clone(),
        subjects_hot: top.hot,
        subjects_looked_at: top.looked_at,
        redis_up,
        subjects: top
            .rows
            .into_iter()
            .filter_map(|(id, view)| {
                let limit = by_id(&live.snapshot, id)?.name.to_string();
                Some(TopRow {
                    limit,
                    name: None,
                    view,
                })
            })
            .collect(),
    });
    let limits = live.snapshot.limits.iter();
    Some(WorldDocument {
        at_unix_ms: services.clock.now().wall.unix_millis(),
        home: services.node.region.to_string(),
        drift: drifts(&status),
        generations: generations(&status),
        topology: services.topology.load_full(),
        rates,
        limits: limits
            .map(|(limit, _)| LimitTerms::of(limit, redis_up == Some(true)))
            .collect(),
        hottest,
        key_store_trouble: services.shared.keys.store_trouble(),
        journal: journal.latest(),
        status,
    })
}

fn generations(status: &StatusDocument) -> BTreeMap<String, String> {
    let nodes = status
        .cluster
        .regions
        .iter()
        .flat_map(|region| &region.nodes);
    nodes
        .map(|node| (node.node.to_string(), node.facts.generation.to_string()))
        .collect()
}

/// Whether nodes that live run different configurations.
fn drifts(status: &StatusDocument) -> bool {
    let nodes = status
        .cluster
        .regions
        .iter()
        .flat_map(|region| &region.nodes);
    let living = nodes.filter(|node| node.alive);
    let generations: BTreeMap<_, ()> = living
        .map(|node| (node.facts.generation.to_string(), ()))
        .collect();
    generations.len() > 1
}
