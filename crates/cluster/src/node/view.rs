//! The world as one node sees it, for operators.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_limit::Presence;
use tidegate_model::{Mono, NodeId, Now, RegionId};

use super::{Node, REPORT_FRESH};
use crate::membership::Membership;
use crate::status::presence_word;
use crate::{ClusterStatus, NewsDelayed, NodeReport, NodeStatus, RegionStatus};

impl Node {
    /// The world as this node sees it.
    #[must_use]
    pub fn status(&self, now: Now) -> ClusterStatus {
        let (subjects, _, subjects_hot) = self.replicator.counters().sizes();
        let unusable = self.complaints.total();
        let [delayed_region, delayed_world] = self.replicator.delayed();
        let world_rejected = self.world_pool.as_ref().map_or(0, Membership::rejected);
        ClusterStatus {
            node: self.spec.node.clone(),
            generation: self.spec.generation,
            learned: self.replicator.learned(),
            steering: self.steer.state().to_string(),
            trouble: self.steer.trouble().map(str::to_owned),
            veto: self.steer.vetoed().map(ToString::to_string),
            held: self.steer.is_held(),
            explanation: self.steer.explain(now.mono),
            regions: self
                .spec
                .regions
                .iter()
                .map(|region| self.region_status(region, now.mono))
                .collect(),
            subjects,
            subjects_hot,
            ledger_entries: self.ledger.len(),
            rows_learned: self.replicator.rows_learned(),
            rows_dropped: unusable.into(),
            news_delayed: NewsDelayed {
                region: delayed_region,
                world: delayed_world,
            },
            packets_rejected: self.region_pool.rejected() + world_rejected,
            undecodable: unusable.undecodable,
            clock_apart_ms: self.apart_us.map(|us| us / 1_000),
        }
    }

    /// The nodes of other regions that are heard: where their mesh doors are, and whether they say
    /// that they are fit. Nodes that are leaving are left out.
    #[must_use]
    pub fn neighbours(&self, now: Now) -> Vec<(NodeId, SocketAddr, bool)> {
        let hearing = self.replicator.hearing();
        let heard = |region: &RegionId| hearing.presence(region, now.mono) == Presence::Reachable;
        let known = self.bulletin.all().filter(|known| {
            let report = &known.report;
            report.node.region != self.spec.node.region
                && now.mono.since(known.as_of) < REPORT_FRESH
                && report.facts.ready
                && heard(&report.node.region)
        });
        known
            .map(|known| {
                let report = &known.report;
                (report.node.clone(), report.addr, report.facts.fit)
            })
            .collect()
    }

    fn region_status(&self, region: &RegionId, now: Mono) -> RegionStatus {
        let home = *region == self.spec.node.region;
        let of_region = self
            .bulletin
            .all()
            .filter(|known| known.report.node.region == *region);
        let nodes = of_region
            .map(|known| self.node_status(&known.report, known.as_of, home, now))
            .collect();
        let hearing = self.replicator.hearing();
        let heard = hearing.heard_at(region);
        RegionStatus {
            region: region.clone(),
            home,
            presence: presence_word(hearing.presence(region, now)).to_owned(),
            staleness_ms: heard.map(|at| now.since(at).as_millis() as u64),
            announced: hearing.announced(region),
            limit_bytes_sent: self.out.sent_of_limits(region),
            nodes,
        }
    }

    fn node_status(&self, report: &NodeReport, as_of: Mono, home: bool, now: Mono) -> NodeStatus {
        let me = report.node == self.spec.node;
        let age = if me { Duration::ZERO } else { now.since(as_of) };
        let alive = match home {
            true => {
                me || self
                    .region_pool
                    .alive()
                    .any(|(node, _)| *node == report.node)
            }
            false => age < REPORT_FRESH,
        };
        NodeStatus {
            node: report.node.clone(),
            alive,
            age_ms: age.as_millis() as u64,
            facts: report.facts.clone(),
        }
    }
}
