//! The end of a run: what is judged of the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_identity::Lookup;
use tidegate_model::NodeId;

use super::{EPOCH_DAYS, SimNode, World};
use crate::check::{Finding, judge};
use crate::keys::kid;
use crate::outcome::Outcome;
use crate::recording::{EventKind, Recording, Window};
use crate::tally::{BadWindow, Demand};

/// Keys whose counts are compared at most.
const COMPARED: u32 = 256;

impl World<'_> {
    pub(super) fn finish(mut self) -> (Outcome, Option<Recording>) {
        self.tally.close_all();
        self.judge_windows();
        if self.plan.expect.counts_agree {
            self.check_agreement();
        }
        if self.plan.expect.converged {
            self.check_members();
        }
        if self.plan.expect.revocations_hold {
            self.check_revocations();
        }
        let tally = &self.tally;
        let mut outcome = Outcome {
            seed: self.seed,
            trace: self.trace,
            events: self.events,
            requests: tally.answered(),
            fates: (tally.good, tally.limited, tally.refused),
            over_under: tally.worst,
            false_refusals: tally.false_refusals,
            outage: self.internet.longest_outage(self.end),
            last_bad: self.watch.last_bad,
            revocation: self.watch.revocation,
            broken_sessions: self.watch.broken_sessions,
            bytes: self.traffic.payload(),
            broken: std::mem::take(&mut self.broken),
        };
        judge(&self.plan.expect, self.end, &mut outcome);
        for finding in outcome.broken.clone() {
            self.record_at(finding.at_ms, EventKind::Broken, |_| {
                (
                    String::new(),
                    format!("{}: {}", finding.expectation, finding.seen),
                )
            });
        }
        let windows = self.windows();
        let recording = self.recorder.map(|recorder| recorder.end(windows));
        (outcome, recording)
    }

    fn judge_windows(&mut self) {
        for bad in std::mem::take(&mut self.tally.bad) {
            let BadWindow {
                expectation,
                key,
                window,
                demand: Demand { offered, admitted },
                at,
            } = bad;
            let (from_ms, length_ms) = self.place_of(window.0);
            let limit = self.limit.amount;
            let name = Self::key_name(&self.keys, key);
            let seen = format!(
                "window of key {name} from {} s: {admitted} of {limit} admitted, {offered} asked",
                from_ms / 1_000
            );
            self.broken.push(Finding {
                expectation,
                at_ms: at.map_or(from_ms + length_ms, tidegate_model::Mono::as_millis),
                seen,
            });
        }
    }

    /// When a window began, in milliseconds of the run, and how long it is. A calendar's windows
    /// are as long as the longest.
    fn place_of(&self, window: u32) -> (u64, u64) {
        let length = (self.limit.windows.longest().as_millis() as u64).max(1);
        let first = EPOCH_DAYS * 86_400_000 / length;
        (u64::from(window).saturating_sub(first) * length, length)
    }

    fn windows(&self) -> Vec<Window> {
        let underway = self.network.ways().longest() + Duration::from_millis(20);
        let windows = self.tally.windows.iter();
        let window = |((key, window), demand): (&(u32, tidegate_limit::WindowIx), &Demand)| {
            let (from_ms, length_ms) = self.place_of(window.0);
            let rate = demand.offered as f64 / length_ms as f64;
            Window {
                limit: self.limit.name.to_string(),
                key: Self::key_name(&self.keys, *key),
                from_ms,
                length_ms,
                allowed: u64::from(self.limit.amount),
                offered: demand.offered,
                admitted: demand.admitted,
                expected_error: (rate * underway.as_millis() as f64).sqrt(),
            }
        };
        let mut windows: Vec<Window> = windows.map(window).collect();
        windows.sort_by(|a, b| (a.from_ms, &a.key).cmp(&(b.from_ms, &b.key)));
        windows
    }

    /// All living nodes know the same counts of every key.
    fn check_agreement(&mut self) {
        for key in 0..self.keys.made().min(COMPARED) {
            let subject = self.keys.subject(key);
            let known = |(at, node): (usize, &SimNode)| {
                let now = self.clock_of(at);
                let alive = node.alive.as_ref().filter(|_| node.frozen.is_none())?;
                let counts = alive.machine.counters().known(subject, now).into_iter();
                let counts = counts.filter(|(_, count)| count.admitted > 0);
                let counts = counts.map(|(actor, count)| (actor.node, count.admitted));
                let counts: BTreeMap<NodeId, u32> = counts.collect();
                Some((node.id.clone(), counts))
            };
            let nodes = self.nodes.iter().enumerate();
            let all: Vec<(NodeId, BTreeMap<NodeId, u32>)> = nodes.filter_map(known).collect();
            if let Some(other) = all.iter().find(|(_, counts)| *counts != all[0].1) {
                let name = Self::key_name(&self.keys, key);
                let (first, other) = (&all[0], other);
                let seen = format!(
                    "key {name}: {} knows {:?}, {} knows {:?}",
                    first.0, first.1, other.0, other.1
                );
                self.complain("counts_agree", seen);
            }
        }
    }

    /// Every living node refuses every revoked key.
    fn check_revocations(&mut self) {
        let now = self.now;
        let passes = |node: &SimNode, key: u32| {
            let alive = node.alive.as_ref().filter(|_| node.frozen.is_none());
            let cache = alive.and_then(|alive| alive.cache.as_ref());
            cache.is_some_and(|cache| {
                let known = cache.lookup(&kid(key), now);
                matches!(known, Lookup::Known(_) | Lookup::Refresh(_))
            })
        };
        let revoked: Vec<u32> = self.keys.revoked().collect();
        for key in revoked {
            let nodes = self.nodes.iter().filter(|node| passes(node, key));
            let nodes: Vec<String> = nodes.map(|node| node.id.to_string()).collect();
            if !nodes.is_empty() {
                let name = Self::key_name(&self.keys, key);
                let seen = format!("key {name} passes at {}", nodes.join(", "));
                self.complain("revocations_hold", seen);
            }
        }
    }

    /// Every living node takes exactly the living nodes for alive.
    fn check_members(&mut self) {
        let runs = |node: &SimNode| node.alive.is_some() && node.frozen.is_none() && node.meshed;
        let running = self.nodes.iter().filter(|node| runs(node));
        let living: BTreeSet<NodeId> = running.map(|node| node.id.clone()).collect();
        for at in 0..self.nodes.len() {
            if !runs(&self.nodes[at]) {
                continue;
            }
            let believed = self.believed(at);
            if believed != living {
                let wrong: Vec<String> = believed
                    .symmetric_difference(&living)
                    .map(ToString::to_string)
                    .collect();
                let seen = format!("{} is wrong about {}", self.nodes[at].id, wrong.join(", "));
                self.complain("converged", seen);
            }
        }
    }

    /// The nodes that a node takes for alive, itself included.
    pub(super) fn believed(&self, at: usize) -> BTreeSet<NodeId> {
        let now = self.clock_of(at);
        let Some(alive) = &self.nodes[at].alive else {
            return BTreeSet::new();
        };
        let status = alive.machine.status(now);
        let nodes = status.regions.into_iter().flat_map(|region| region.nodes);
        let alive = nodes.filter(|node| node.alive);
        alive.map(|node| node.node).collect()
    }
}
