//! What a plan says that cannot be.

use std::ops::Range;

use tidegate_config::Source as Text;
use tidegate_model::{Diagnostic, NodeId, RegionId, Span};

use super::{Client, FaultKind, Place, Plan, Source, Target};

/// Regions a world has at most: what networks see of them is a bit each.
const REGIONS_MAX: usize = 64;
/// Nodes a world has at most.
const NODES_MAX: usize = 1_000;
/// Keys of one stream at most.
const KEYS_MAX: u32 = 10_000_000;

pub(super) fn check(plan: &Plan, source: &Text, problems: &mut Vec<Diagnostic>) {
    let mut checker = Checker {
        plan,
        source,
        problems,
    };
    checker.world();
    for client in &plan.clients {
        checker.client(client);
    }
    for fault in &plan.faults {
        checker.fault(&fault.range, &fault.value.what);
        if fault.value.times > 1 && fault.value.every.is_none() {
            let hint = "add `every: 10s`";
            checker.complain(&fault.range, "`times` needs `every`".to_owned(), hint);
        }
    }
}

struct Checker<'c> {
    plan: &'c Plan,
    source: &'c Text,
    problems: &'c mut Vec<Diagnostic>,
}

impl Checker<'_> {
    fn complain(&mut self, range: &Range<usize>, message: String, hint: &str) {
        let span = Span {
            file: std::sync::Arc::clone(&self.source.file),
            range: range.clone(),
        };
        let problem = Diagnostic::error(message, span, "not in this plan's world");
        self.problems.push(problem.hint(hint.to_owned()));
    }

    fn world(&mut self) {
        let plan = self.plan;
        let whole = 0..self.source.text.len().min(1);
        for name in plan.regions.keys() {
            if name.parse::<RegionId>().is_err() {
                let message = format!("`{name}` cannot be a region's name");
                self.complain(&whole, message, "use small letters, digits and hyphens");
            }
        }
        let nodes = plan.node_ids().len();
        if plan.regions.is_empty() || plan.regions.len() > REGIONS_MAX {
            let message = format!("a world has 1 to {REGIONS_MAX} regions");
            self.complain(&whole, message, "change `regions`");
        }
        if nodes == 0 || nodes > NODES_MAX {
            let message = format!("a world has 1 to {NODES_MAX} nodes, and this one {nodes}");
            self.complain(&whole, message, "change `nodes`");
        }
        if plan.internet.networks == 0 {
            let message = "clients are in at least one network a region".to_owned();
            self.complain(&whole, message, "set `networks: 1`");
        }
        if plan.capacity.is_some_and(|spec| spec.node_per_second == 0) {
            let message = "a node that carries nothing is no node".to_owned();
            self.complain(
                &whole,
                message,
                "set `node_per_second`, or leave `capacity` out",
            );
        }
        for (message, hint) in plan.limit.contradictions() {
            self.complain(&whole, message, hint);
        }
    }

    fn client(&mut self, client: &Client) {
        let range = &client.from.range;
        match &client.from.value {
            Source::Near(region) => self.region_named(range, region),
            Source::Node(node) => self.node(range, node),
            Source::Everywhere | Source::AllNodes | Source::At(_) | Source::Moving(_) => {}
        }
        if client.keys == 0 || client.keys > KEYS_MAX {
            let message = format!("`keys` is 1 to {KEYS_MAX}");
            self.complain(range, message, "one key needs no `keys`");
        }
        if !(client.zipf >= 0.0 && client.zipf <= 4.0) {
            let message = "`zipf` is 0 to 4".to_owned();
            self.complain(range, message, "1 is usual; 0 is all keys alike");
        }
        if !(client.per_second >= 0.0 && client.per_second <= 10_000_000.0) {
            let message = "`per_second` is 0 to 10000000".to_owned();
            self.complain(
                range,
                message,
                "fewer requests are enough to see what happens",
            );
        }
        if client.unknown && self.plan.keys.is_none() {
            let message = "without `keys` every key is known".to_owned();
            self.complain(range, message, "add `keys: {}`");
        }
    }

    fn region_named(&mut self, range: &Range<usize>, name: &str) {
        if !self.plan.regions.contains_key(name) {
            let known: Vec<&str> = self.plan.regions.keys().map(String::as_str).collect();
            let hint = format!("regions here: {}", known.join(", "));
            self.complain(range, format!("there is no region `{name}`"), &hint);
        }
    }

    fn region(&mut self, range: &Range<usize>, region: &RegionId) {
        self.region_named(range, region.as_str());
    }

    fn node(&mut self, range: &Range<usize>, node: &NodeId) {
        let nodes = self.plan.node_ids();
        if !nodes.contains(node) {
            let of_region = nodes.iter().filter(|known| known.region == node.region);
            let known: Vec<String> = of_region.map(ToString::to_string).take(8).collect();
            let hint = match known.is_empty() {
                true => "its region is none of this world".to_owned(),
                false => format!("nodes there: {}", known.join(", ")),
            };
            self.complain(range, format!("there is no node `{node}`"), &hint);
        }
    }

    fn target(&mut self, range: &Range<usize>, target: &Target) {
        match target {
            Target::Region(region) => self.region(range, region),
            Target::Node(node) => self.node(range, node),
        }
    }

    fn fault(&mut self, range: &Range<usize>, what: &FaultKind) {
        match what {
            FaultKind::Crash(node) | FaultKind::Restart(node) | FaultKind::RestartEmpty(node) => {
                self.node(range, node);
            }
            FaultKind::CrashRegion(region)
            | FaultKind::RestartRegion(region)
            | FaultKind::Cut(region)
            | FaultKind::Heal(region)
            | FaultKind::Ill(region)
            | FaultKind::Partly(region)
            | FaultKind::Well(region) => self.region(range, region),
            FaultKind::CutWay(way) | FaultKind::HealWay(way) => {
                self.region(range, &way.from);
                self.region(range, &way.to);
            }
            FaultKind::Freeze(who)
            | FaultKind::Thaw(who)
            | FaultKind::Drain(who)
            | FaultKind::Undrain(who)
            | FaultKind::MeshExpired(who)
            | FaultKind::MeshRenewed(who) => self.target(range, who),
            FaultKind::Slow(slow) => {
                self.target(range, &slow.who);
                if self.plan.capacity.is_none() {
                    let message = "nodes without `capacity` are never slow".to_owned();
                    self.complain(range, message, "add `capacity: { node_per_second: 1000 }`");
                }
            }
            FaultKind::ClockJump(jump) => self.target(range, &jump.who),
            FaultKind::ClockDrift(drift) => self.target(range, &drift.who),
            FaultKind::StoreDown(place) | FaultKind::StoreUp(place) => {
                if let Place::Region(region) = place {
                    self.region(range, region);
                }
                self.needs_keys(range);
            }
            FaultKind::StoreDelay(_) => self.needs_keys(range),
            FaultKind::Revoke(key) => {
                self.needs_keys(range);
                if !self.plan.clients.iter().any(|client| client.key == *key) {
                    let message = format!("no client has the key `{key}`");
                    self.complain(range, message, "of many keys the first bears the name");
                }
            }
            FaultKind::Upgrade(_) | FaultKind::Rollout(_) | FaultKind::Weather(_) => {}
        }
    }

    fn needs_keys(&mut self, range: &Range<usize>) {
        if self.plan.keys.is_none() {
            let message = "without `keys` there is no key store".to_owned();
            self.complain(range, message, "add `keys: {}`");
        }
    }
}
