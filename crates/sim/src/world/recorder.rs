//! Keeps what a run looked like, for pictures. It looks and changes nothing, so a run is the same
//! with it and without.

use std::time::Duration;

use tidegate_model::Mono;

use super::World;
use crate::internet::Choice;
use crate::recording::{
    Event, EventKind, NodeName, NodeStep, Place, Recording, RegionStep, Step, Window,
};
use crate::tally::Fate;

/// Steps of a run at most, about, and the shortest.
const STEPS: u64 = 600;
const STEP_MIN_MS: u64 = 100;
/// Events that are kept at most.
const EVENTS_MAX: usize = 20_000;

pub(super) struct Recorder {
    recording: Recording,
    /// What has happened in the current step.
    pub(super) step: Step,
    /// How long nodes of each region were kept busy by what has come in this step.
    pub(super) busy: Vec<Duration>,
    next_at: Mono,
}

impl Recorder {
    pub(super) fn new(world: &World<'_>) -> Self {
        let run_ms = u64::try_from(world.plan.run_for.get().as_millis()).unwrap_or(u64::MAX);
        let step_ms = run_ms.div_ceil(STEPS).next_multiple_of(STEP_MIN_MS);
        let step_ms = step_ms.max(STEP_MIN_MS);
        let places = world.plan.regions.iter();
        let regions = places.map(|(name, place)| {
            let (latitude, longitude) = place.degrees();
            Place {
                name: name.clone(),
                latitude,
                longitude,
            }
        });
        let nodes = world.nodes.iter().map(|node| NodeName {
            name: node.id.to_string(),
            region: node.region,
        });
        Self {
            recording: Recording {
                about: world.plan.about.trim().to_owned(),
                seed: world.seed.value(),
                regions: regions.collect(),
                nodes: nodes.collect(),
                step_ms,
                ..Recording::default()
            },
            step: empty(world.regions.len()),
            busy: vec![Duration::ZERO; world.regions.len()],
            next_at: Mono::from_millis(step_ms),
        }
    }

    /// What became of a request of a client near `place`, led to `region`.
    pub(super) fn request(&mut self, place: Option<usize>, region: Option<usize>, fate: Fate) {
        let Some(at) = region.or(place) else { return };
        let step = &mut self.step.regions[at];
        match fate {
            Fate::Good => step.good += 1,
            Fate::Limited => step.limited += 1,
            Fate::Refused | Fate::NoService => step.refused += 1,
            Fate::Failed => step.failed += 1,
        }
        if let (Some(place), Some(region)) = (place, region)
            && fate != Fate::Failed
        {
            self.step.flows[place][region] += 1;
        }
    }

    pub(super) fn end(self, windows: Vec<Window>) -> Recording {
        let mut recording = self.recording;
        recording.windows = windows;
        recording.events.sort_by_key(|event| event.at_ms);
        recording
    }
}

fn empty(regions: usize) -> Step {
    Step {
        flows: vec![vec![0; regions]; regions],
        regions: vec![RegionStep::default(); regions],
        nodes: Vec::new(),
        heard_ms: Vec::new(),
    }
}

impl World<'_> {
    /// Closes all steps that end before `at`.
    pub(super) fn record_until(&mut self, at: Mono) {
        while let Some(next) = self.recorder.as_ref().map(|r| r.next_at)
            && next < at
            && next <= self.end
        {
            self.now = next;
            self.close_step();
        }
    }

    fn close_step(&mut self) {
        let Some(mut recorder) = self.recorder.take() else {
            return;
        };
        let regions = self.regions.len();
        let mut step = std::mem::replace(&mut recorder.step, empty(regions));
        let busy = std::mem::replace(&mut recorder.busy, vec![Duration::ZERO; regions]);
        let step_ns = recorder.recording.step_ms * 1_000_000;
        for (at, (region, busy)) in step.regions.iter_mut().zip(busy).enumerate() {
            let nodes = self.nodes.iter().filter(|node| node.region == at);
            region.busy =
                busy.as_nanos() as u64 * 1_000 / (step_ns * nodes.clone().count().max(1) as u64);
            region.queued = nodes.map(|node| self.queued(node)).sum();
            region.announced = self.internet.width(at) as u64;
        }
        self.record_nodes(&mut step);
        recorder.next_at = recorder.next_at + Duration::from_millis(recorder.recording.step_ms);
        recorder.recording.steps.push(step);
        self.recorder = Some(recorder);
    }

    fn queued(&self, node: &super::SimNode) -> u64 {
        let Some(spec) = self.plan.capacity else {
            return 0;
        };
        let each = 1_000_000_000 / u64::from(spec.node_per_second) * u64::from(node.slow.max(1));
        node.busy_until
            .since(self.now.min(node.busy_until))
            .as_nanos() as u64
            / each.max(1)
    }

    fn record_nodes(&self, step: &mut Step) {
        let regions = self.regions.len();
        let mut heard: Vec<Vec<Option<u64>>> = vec![vec![None; regions]; regions];
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let mut now = NodeStep {
                alive: node.alive.is_some(),
                announced: node.announced.is_some(),
                generation: node.generation,
                reason: match node.announced {
                    Some(Choice::First) => String::new(),
                    Some(Choice::Second) | None => node.reason.clone(),
                },
                ..NodeStep::default()
            };
            if let Some(alive) = &node.alive {
                let status = alive.machine.status(self.clock_of(at));
                for (other, region) in status.regions.iter().enumerate() {
                    let members = region.nodes.iter().filter(|node| node.alive);
                    now.members += members.count() as u64;
                    let announced =
                        region.announced == Some(true) || (region.home && node.announced.is_some());
                    now.believes_announced |= u64::from(announced) << other;
                    let known = &mut heard[node.region][other];
                    *known = match (*known, region.staleness_ms) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
            }
            step.nodes.push(now);
        }
        step.heard_ms = heard;
    }

    /// Keeps an event: `tell` says where and what.
    pub(super) fn record(&mut self, kind: EventKind, tell: impl FnOnce(&Self) -> (String, String)) {
        self.record_at(self.now.as_millis(), kind, tell);
    }

    pub(super) fn record_at(
        &mut self,
        at_ms: u64,
        kind: EventKind,
        tell: impl FnOnce(&Self) -> (String, String),
    ) {
        if self.recorder.is_none() {
            return;
        }
        let (place, what) = tell(self);
        if let Some(recorder) = &mut self.recorder
            && recorder.recording.events.len() < EVENTS_MAX
        {
            recorder.recording.events.push(Event {
                at_ms,
                kind,
                place,
                what,
            });
        }
    }
}
