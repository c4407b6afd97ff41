//! What the cluster's machine wants done, done.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_anycast::Speaker;
use tidegate_cluster::{Effect, Event, Node, Notice};
use tidegate_limit::Batch;
use tidegate_mesh::Mesh;
use tidegate_runtime::{Clock, Handle, Stop};
use tidegate_steer::{Plan, Reason};
use tidegate_telemetry::Metrics;

use crate::keys::Keys;
use crate::quotas::Quotas;

/// What effects work on.
pub(crate) struct Hands {
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) speaker: Box<dyn Speaker>,
    pub(crate) keys: Keys,
    pub(crate) quotas: Quotas,
    pub(crate) cluster: Handle<Node>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    /// What the last plan came to, by its place in the counters.
    pub(crate) announced: Mutex<Option<usize>>,
    pub(crate) stop: Stop,
}

impl Hands {
    pub(crate) fn act(&self, effect: Effect) {
        match effect {
            Effect::Send {
                to,
                addr,
                bytes,
                reliable,
            } => self.mesh.send(to, addr, bytes, reliable),
            Effect::Apply(plan) => {
                self.count_plan(&plan);
                // Connections that are open do not follow routes everywhere.
                let ill = matches!(plan.reason, Reason::Unfit(_));
                self.stop.set_away(!plan.announce && ill);
                self.speaker.apply(&plan);
            }
            Effect::Keep(batch) => self.keep(batch),
            Effect::Learned(entries) => {
                let keys = self.keys.clone();
                tokio::spawn(async move { keys.learn(entries).await });
            }
            Effect::Clocks { apart_us } => self.set_clock(apart_us),
            Effect::News(news) => self.keys.hear_news(&news),
            Effect::Notice(notice) => {
                self.count_notice(&notice);
                log(&notice);
            }
        }
    }

    /// Counts what a plan changes; a plan that is said again changes nothing.
    fn count_plan(&self, plan: &Plan) {
        let now = match (plan.announce, plan.reduced) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        };
        let mut before = self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if before.replace(now) != Some(now) {
            self.metrics.cluster.announced[now].add(1);
        }
    }

    fn count_notice(&self, notice: &Notice) {
        let cluster = &self.metrics.cluster;
        match notice {
            Notice::Up(_) => cluster.nodes[0].add(1),
            Notice::Down(_) => cluster.nodes[1].add(1),
            Notice::Rejoined => cluster.nodes[2].add(1),
            Notice::Region { region, heard } => cluster.region(region.as_str(), *heard),
            Notice::Border(_) | Notice::Unusable { .. } | Notice::Learned { .. } => {}
        }
    }

    fn set_clock(&self, apart_us: Option<i64>) {
        let (_, followed) = self.clock.state();
        let set = self.clock.discipline(apart_us);
        match set.system_behind_us {
            Some(us) if !followed => tracing::warn!(
                behind_ms = us / 1_000,
                "This machine's clock is off from those of most nodes: the node goes by theirs. Is NTP running?"
            ),
            None if followed => tracing::info!("This machine's clock is right again."),
            Some(_) | None => {}
        }
    }

    /// Keeps counts of quotas. Should that fail, later ones bring the same counts again.
    fn keep(&self, batch: Batch) {
        let (quotas, cluster, now) = (self.quotas.clone(), self.cluster.clone(), self.clock.now());
        tokio::spawn(async move {
            let kept = tokio::task::spawn_blocking(move || quotas.keep(&batch, now.wall)).await;
            match kept {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "Counts of quotas are not on disk."),
                Err(error) => tracing::error!(%error, "Counts of quotas are not on disk."),
            }
            cluster.send(Event::Kept).await;
        });
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Up(node) => tracing::info!(%node, "A node is up."),
        Notice::Down(node) => tracing::warn!(%node, "A node is down."),
        Notice::Rejoined => tracing::warn!("Others had taken this node for dead; it has rejoined."),
        Notice::Border(true) => tracing::info!("This node now speaks with other regions."),
        Notice::Border(false) => tracing::info!("This node no longer speaks with other regions."),
        Notice::Region {
            region,
            heard: true,
        } => tracing::info!(%region, "A region is heard again."),
        Notice::Region {
            region,
            heard: false,
        } => {
            tracing::warn!(%region, "A region is silent: limits keep to this side's share while it is announced.");
        }
        Notice::Unusable { from, what } => tracing::warn!(
            last_from = %from,
            undecodable = what.undecodable,
            unknown_limit = what.unknown_limit,
            out_of_window = what.out_of_window,
            implausible = what.implausible,
            no_room = what.no_room,
            "Some of what peers sent could not be used and was dropped."
        ),
        Notice::Learned { from_peer: true } => {
            tracing::info!("The live counts of other nodes are known.");
        }
        Notice::Learned { from_peer: false } => {
            tracing::info!("Nobody was there to ask for live counts; starting from nothing.");
        }
    }
}
