//! The virtual clock and all that happens on it.
//!
//! Events wait in an agenda. Requests do not: each stream knows when its next one comes, and the
//! earliest of all is taken when nothing on the agenda is earlier.

mod asking;
mod clock;
mod ending;
mod faults;
mod lookup;
mod mail;
mod nodes;
mod recorder;
mod routes;
mod watch;

use std::time::Duration;

use bytes::Bytes;
use tidegate_limit::{Limit, WindowIx};
use tidegate_model::{Mono, RegionId, Seed, Wall};

use self::asking::Request;
use self::nodes::SimNode;
use self::recorder::Recorder;
use self::watch::Watch;
use crate::agenda::Agenda;
use crate::check::{FINDINGS_MAX, Finding, judgement};
use crate::clients::Stream;
use crate::internet::{Choice, Following, Internet};
use crate::keys::{Keys, Store};
use crate::network::{Network, Ways};
use crate::outcome::Outcome;
use crate::plan::{Plan, Source};
use crate::recording::Recording;
use crate::tally::{Demand, Tally, Waits};
use crate::traffic::Traffic;

/// Wall time at the start of a run: the start of a window of any length up to a day.
pub(crate) const EPOCH_DAYS: u64 = 20_000;
/// Room for subjects on each node, unless the plan says how much.
const SUBJECTS: std::ops::RangeInclusive<usize> = 4_096..=16_384;
const SECOND: Duration = Duration::from_secs(1);

/// Plays a plan.
#[must_use]
pub fn run(plan: &Plan, seed: Seed) -> Outcome {
    World::new(plan, seed).play().0
}

/// Plays a plan, and keeps what it looked like over time.
#[must_use]
pub fn play_recorded(plan: &Plan, seed: Seed) -> (Outcome, Recording) {
    let mut world = World::new(plan, seed);
    world.recorder = Some(Box::new(Recorder::new(&world)));
    let (outcome, recording) = world.play();
    (outcome, recording.unwrap_or_default())
}

/// What happens, at its time.
enum Happening {
    /// A node wants to be woken.
    Wake { node: usize, life: u64 },
    /// A message arrives.
    Deliver {
        to: usize,
        from: usize,
        bytes: Bytes,
        one_way: Duration,
    },
    /// A node checks itself.
    Check { node: usize, life: u64 },
    /// A region's router follows a node.
    Converged {
        region: usize,
        node: usize,
        announced: Option<Choice>,
    },
    /// A network follows a region.
    Follow(Following),
    /// A network has found the nearest region.
    Hunted { network: usize },
    /// A request that waits for rights of a strict limit asks again.
    Again { node: usize, request: Request },
    /// A request that nobody answered is tried again.
    Retry(Request),
    /// A key store answers.
    Stored { node: usize, life: u64, key: u32 },
    /// Something of the plan goes wrong, or is mended.
    Fault { number: usize, times: u32 },
    /// A watchdog looks at a node.
    Watchdog { node: usize, freezes: u64 },
    /// A drained node has told its connections to close.
    Settled { node: usize, life: u64 },
    /// A node's turn in a rollout has come.
    Turn { node: usize, fault: usize },
    /// A node that is being upgraded is looked at.
    Leaving {
        node: usize,
        life: u64,
        fault: usize,
        since: Mono,
    },
    /// It starts anew.
    Upgraded { node: usize, fault: usize },
}

/// A request that comes to a node whatever is announced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When.
    pub(crate) at: Mono,
    /// Where, counted as [`Plan::node_ids`] does.
    pub(crate) node: usize,
    /// On which subject.
    pub(crate) subject: u32,
}

impl Arrival {
    pub(crate) const fn on_one_subject(at: Mono, node: usize) -> Self {
        let subject = 0;
        Self { at, node, subject }
    }
}

pub(crate) struct World<'p> {
    plan: &'p Plan,
    seed: Seed,
    /// Wall time at the start.
    started: Wall,
    now: Mono,
    end: Mono,
    agenda: Agenda<Happening>,
    nodes: Vec<SimNode>,
    regions: Vec<RegionId>,
    /// By region, what services there are missing.
    ill: Vec<Illness>,
    network: Network,
    internet: Internet,
    keys: Keys,
    stores: Vec<Store>,
    streams: Vec<Stream>,
    /// By stream: networks that its requests come from, one after the other.
    origins: Vec<std::ops::Range<usize>>,
    arrivals: Box<dyn Iterator<Item = Arrival> + 'p>,
    next_arrival: Option<Arrival>,
    limit: Limit,
    tally: Tally,
    watch: Watch,
    broken: Vec<Finding>,
    traffic: Traffic,
    recorder: Option<Box<Recorder>>,
    /// What was sent before is of no interest.
    count_from: Option<Mono>,
    room: usize,
    events: u64,
    trace: u64,
}

/// What is wrong with the services behind a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Illness {
    None,
    Some,
    All,
}

impl<'p> World<'p> {
    pub(crate) fn new(plan: &'p Plan, seed: Seed) -> Self {
        let places: Vec<_> = plan.regions.values().copied().collect();
        let end = Mono::ZERO + plan.run_for.get();
        let regions = plan.region_ids();
        let limit = Limit::new("limit", &plan.limit);
        let keys = Keys::new(&plan.clients, limit.id);
        let further = plan.clients.iter().filter_map(|c| match &c.from.value {
            Source::At(place) => Some(*place),
            _ => None,
        });
        let further: Vec<_> = further.collect();
        let internet = Internet::new(plan.internet.clone(), &places, &further, seed);
        let started = Wall::from_unix_secs(EPOCH_DAYS * 86_400);
        let first = limit.windows.at(started).ix.0;
        let stream = |(i, client): (usize, &_)| {
            let client: &crate::plan::Client = client;
            Stream::new(client, i, keys.first(&client.key), end, seed)
        };
        Self {
            network: Network::new(Ways::between(&places), plan.loss, seed),
            streams: plan.clients.iter().enumerate().map(stream).collect(),
            origins: asking::origins(plan, &internet),
            nodes: nodes::all(plan, &regions, seed),
            tally: Tally::new(judgement(plan, first, limit.windows.longest())),
            stores: lookup::stores(plan, regions.len()),
            ill: vec![Illness::None; regions.len()],
            watch: Watch::default(),
            arrivals: Box::new(std::iter::empty()),
            next_arrival: None,
            now: Mono::ZERO,
            agenda: Agenda::default(),
            broken: Vec::new(),
            traffic: Traffic::default(),
            recorder: None,
            count_from: None,
            room: plan.counters.map_or_else(
                || (keys.made() as usize).clamp(*SUBJECTS.start(), *SUBJECTS.end()),
                |counters| counters.subjects_max,
            ),
            events: 0,
            trace: seed.value(),
            started,
            internet,
            keys,
            limit,
            plan,
            seed,
            end,
            regions,
        }
    }

    /// The same world with other distances, in which windows begin at `aligned` after the start,
    /// and more requests come.
    pub(crate) fn with(
        mut self,
        ways: Ways,
        aligned: Duration,
        arrivals: impl Iterator<Item = Arrival> + 'p,
    ) -> Self {
        self.network = Network::new(ways, self.plan.loss, self.seed);
        self.started = Wall::from_unix_micros(
            self.started.unix_micros() - u64::try_from(aligned.as_micros()).unwrap_or(0),
        );
        self.arrivals = Box::new(arrivals);
        self
    }

    /// Plays to the end. Returns what came and was admitted of the requests that arrive on the
    /// first subject, in each window that any came in, and how long they waited for rights.
    pub(crate) fn tally(mut self) -> (std::collections::BTreeMap<WindowIx, Demand>, Waits) {
        self.run();
        self.tally.close_all();
        let waits = self.tally.waits;
        let windows = self.tally.windows.into_iter();
        let arrived = windows.map(|((_, window), demand)| (window, demand));
        (arrived.collect(), waits)
    }

    /// The same world with room for so many subjects on each node.
    pub(crate) fn with_room_for(mut self, subjects: usize) -> Self {
        self.room = subjects;
        self
    }

    /// Plays to the end. Returns what was sent since a moment.
    pub(crate) fn traffic(mut self, since: Mono) -> Traffic {
        self.count_from = Some(since);
        self.run();
        self.traffic
    }

    fn play(mut self) -> (Outcome, Option<Recording>) {
        self.run();
        self.finish()
    }

    fn run(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        for (number, fault) in self.plan.faults.iter().enumerate() {
            let at = Mono::ZERO + fault.value.at.get();
            let times = fault.value.times;
            self.schedule(at, Happening::Fault { number, times });
        }
        self.next_arrival = self.arrivals.next();
        let mut second = Mono::ZERO + SECOND;
        loop {
            let planned = self.agenda.next_at().unwrap_or(self.end);
            let (stream, asked) = self.next_asked();
            let at = planned.min(asked);
            while second < at.min(self.end) {
                self.now = second;
                self.each_second();
                second = second + SECOND;
            }
            self.record_until(at);
            if at > self.end || (at == self.end && self.agenda.next_at().is_none()) {
                break;
            }
            self.now = at;
            if self.count_from.is_some_and(|from| at >= from) {
                self.count_from = None;
                self.traffic = Traffic::default();
            }
            if asked <= planned {
                self.come(stream);
            } else if let Some((_, happening)) = self.agenda.pop() {
                self.events += 1;
                self.happen(happening);
            }
        }
        self.now = self.end;
        self.record_until(self.end + Duration::from_nanos(1));
    }

    /// When the next request comes, and of which stream; of none if it is an arrival.
    fn next_asked(&self) -> (Option<usize>, Mono) {
        let never = self.end + SECOND;
        let arrival = self.next_arrival.map_or(never, |arrival| arrival.at);
        let streams = self.streams.iter().enumerate();
        let nexts = streams.filter_map(|(i, stream)| Some((Some(i), stream.next?)));
        nexts.fold((None, arrival), |best, next| match next.1 < best.1 {
            true => next,
            false => best,
        })
    }

    fn wall(&self) -> Wall {
        self.started + self.now.since(Mono::ZERO)
    }

    fn schedule(&mut self, at: Mono, happening: Happening) {
        self.agenda.plan(at, happening);
    }

    /// Folds something into the trace.
    fn note(&mut self, what: u64, more: u64) {
        // A multiplication and a fold a word: a request is noted in two nanoseconds.
        for word in [self.now.as_nanos(), what, more] {
            let mixed = u128::from(self.trace ^ word) * 0x9e37_79b9_7f4a_7c15;
            self.trace = (mixed as u64) ^ ((mixed >> 64) as u64);
        }
    }

    fn complain(&mut self, expectation: &'static str, seen: String) {
        if self.broken.len() < FINDINGS_MAX {
            let at_ms = self.now.as_millis();
            self.broken.push(Finding {
                expectation,
                at_ms,
                seen,
            });
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Wake { node, life } => self.wake(node, life),
            Happening::Deliver {
                to,
                from,
                bytes,
                one_way,
            } => self.deliver(to, from, bytes, one_way),
            Happening::Check { node, life } => self.check(node, life),
            Happening::Converged {
                region,
                node,
                announced,
            } => self.converged(region, node, announced),
            Happening::Follow(following) => self.followed(following),
            Happening::Hunted { network } => self.hunted(network),
            Happening::Again { node, request } => self.again(node, request),
            Happening::Retry(request) => self.over_the_internet(request),
            Happening::Stored { node, life, key } => self.stored(node, life, key),
            Happening::Fault { number, times } => self.fault(number, times),
            Happening::Watchdog { node, freezes } => self.watchdog(node, freezes),
            Happening::Settled { node, life } => self.settled(node, life),
            Happening::Turn { node, fault } => self.turn(node, fault),
            Happening::Leaving {
                node,
                life,
                fault,
                since,
            } => self.leaving(node, life, fault, since),
            Happening::Upgraded { node, fault } => self.upgraded(node, fault),
        }
    }
}
