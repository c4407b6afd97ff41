//! What is watched at each step: that never all leave, that one leaves at a time, that nobody stays
//! away who is needed, and what each second brings.

use std::time::Duration;

use tidegate_cluster::Event;
use tidegate_model::Mono;
use tidegate_steer::Reason;

use super::{Illness, World};

/// The cluster needs a moment to find itself before an unannounced world counts against it.
const SETTLED: Duration = Duration::from_secs(10);
/// With somebody who could serve, nobody is announced for so long at most: starting takes checks,
/// and coming back after an illness takes more of them.
const DARK_MAX: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Watch {
    /// Since when nobody is announced though somebody could serve.
    dark_since: Option<Mono>,
    dark_told: bool,
    /// The region whose node last left by a permit, and when.
    left: Option<(usize, Mono)>,
    /// When a fault last happened, or was mended.
    pub(super) fault_at: Mono,
    /// How long after that a request failed.
    pub(super) last_bad: Duration,
    pub(super) revocation: Duration,
    pub(super) broken_sessions: u64,
}

impl World<'_> {
    fn anybody_announced(&self) -> bool {
        self.nodes.iter().any(|node| node.announced.is_some())
    }

    fn settled_world(&self) -> bool {
        self.now.since(Mono::ZERO) > SETTLED
    }

    /// An announcement has changed.
    pub(super) fn watch_announced(&mut self) {
        let servable = self.nodes.iter().any(|node| node.alive.is_some());
        let lost = self.settled_world() && servable && !self.anybody_announced();
        if lost && self.plan.expect.always_announced {
            self.complain("always_announced", "no region is announced".to_owned());
        }
    }

    /// A node has withdrawn by its own choice.
    pub(super) fn watch_leaving(&mut self, node: usize, reason: &Reason) {
        let region = self.nodes[node].region;
        let name = self.nodes[node].id.to_string();
        if self.plan.expect.never_dark && self.settled_world() && !self.anybody_announced() {
            self.complain(
                "never_dark",
                format!("{name} left as the last one: {reason}"),
            );
        }
        let could_wait = match reason {
            Reason::Leaving => true,
            Reason::Unfit(_) => self.ill[region] == Illness::Some && !self.nodes[node].breaks,
            Reason::Starting | Reason::Fit | Reason::Returning | Reason::Ailing(_) => false,
        };
        if !could_wait {
            return;
        }
        let before = self.watch.left.replace((region, self.now));
        let permit = self.plan.steer.permit.get();
        if let Some((other, at)) = before
            && other != region
            && self.now.since(at) < permit
            && self.plan.expect.one_leaves_at_a_time
        {
            let seen = format!(
                "{name} left {} ms after {}",
                self.now.since(at).as_millis(),
                self.regions[other]
            );
            self.complain("one_leaves_at_a_time", seen);
        }
    }

    /// A request failed.
    pub(super) fn watch_failure(&mut self) {
        let after = self.now.since(self.watch.fault_at);
        if self.settled_world() {
            self.watch.last_bad = self.watch.last_bad.max(after);
        }
    }

    pub(super) fn each_second(&mut self) {
        self.watch_dark();
        if self.plan.capacity.is_some() || self.plan.steer.node_capacity.is_some() {
            for node in 0..self.nodes.len() {
                let load = std::mem::take(&mut self.nodes[node].load);
                let event = Event::Load {
                    requests_per_s: load.came,
                    admitted_per_s: load.admitted,
                    limited_per_s: load.limited,
                };
                self.tell(node, event);
            }
        }
    }

    fn watch_dark(&mut self) {
        let could = |world: &Self| (0..world.nodes.len()).any(|node| world.can_serve(node));
        if self.anybody_announced() || !self.settled_world() || !could(self) {
            self.watch.dark_since = None;
            return;
        }
        let since = *self.watch.dark_since.get_or_insert(self.now);
        let dark = self.now.since(since);
        if dark > DARK_MAX && self.plan.expect.never_dark && !self.watch.dark_told {
            self.watch.dark_told = true;
            let seen = format!("nobody is announced for {} s", dark.as_secs());
            self.complain("never_dark", seen);
        }
    }
}
