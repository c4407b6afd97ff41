//! Requests: from a client over the internet to a node, through its key cache, limit and queue, to
//! their fate.

use std::time::Duration;

use tidegate_cluster::Event;
use tidegate_limit::{Ask, rights_pause};
use tidegate_model::Mono;

use super::{Happening, Illness, World};
use crate::internet::Internet;
use crate::keys::Keys;
use crate::plan::{Plan, Source};
use crate::tally::Fate;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Which stream it is of, if any.
    stream: Option<usize>,
    /// Which network its client is in, if it comes over the internet.
    network: Option<usize>,
    pub(super) key: u32,
    /// How often it was tried before.
    tried: u8,
    /// When it came to the node that it waits at.
    since: Mono,
}

/// By stream, the networks that requests come from.
pub(super) fn origins(plan: &Plan, internet: &Internet) -> Vec<std::ops::Range<usize>> {
    let per_region = internet.per_region();
    let of_regions = plan.regions.len() * per_region;
    let mut further = of_regions..internet.networks();
    let origin = |client: &crate::plan::Client| match &client.from.value {
        Source::Near(name) => {
            let at = plan.regions.keys().position(|known| known == name);
            let first = at.expect("checked") * per_region;
            first..first + per_region
        }
        Source::At(_) => {
            let at = further.next().expect("one each");
            at..at + 1
        }
        Source::Everywhere | Source::Moving(_) => 0..of_regions,
        Source::AllNodes | Source::Node(_) => 0..0,
    };
    plan.clients.iter().map(origin).collect()
}

impl World<'_> {
    /// The next request comes, of a stream or of arrivals.
    pub(super) fn come(&mut self, stream: Option<usize>) {
        let Some(stream) = stream else {
            return self.arrive();
        };
        let plan = self.plan;
        let client = &plan.clients[stream];
        let turn = self.streams[stream].turn;
        self.streams[stream].turn += 1;
        self.streams[stream].step();
        let network = self.network_of(stream, turn);
        if let (Some(day), Some(network)) = (client.diurnal, network) {
            let east = self.internet.east(network);
            if !self.streams[stream].awake(day, east, self.now) {
                return;
            }
        }
        let key = match client.unknown {
            // No key is made with such a number.
            true => 2_000_000_000 + turn as u32,
            false => self.streams[stream].key(),
        };
        let request = Request {
            stream: Some(stream),
            network,
            key,
            tried: 0,
            since: self.now,
        };
        let node = match &client.from.value {
            Source::AllNodes => turn % self.nodes.len(),
            Source::Node(id) => self.number_of(id).expect("checked"),
            Source::Everywhere | Source::Near(_) | Source::At(_) | Source::Moving(_) => {
                return self.over_the_internet(request);
            }
        };
        self.enter(node, request);
    }

    fn arrive(&mut self) {
        let Some(arrival) = self.next_arrival else {
            return;
        };
        self.next_arrival = self.arrivals.next();
        let request = Request {
            stream: None,
            network: None,
            key: arrival.subject,
            tried: 0,
            since: self.now,
        };
        self.enter(arrival.node, request);
    }

    fn network_of(&self, stream: usize, turn: usize) -> Option<usize> {
        let origin = &self.origins[stream];
        let per_region = self.internet.per_region();
        match &self.plan.clients[stream].from.value {
            Source::Moving(stay) => {
                let stay = stay.get().as_nanos().max(1) as u64;
                let region = (self.now.as_nanos() / stay) as usize % self.regions.len();
                Some(region * per_region + turn % per_region)
            }
            _ if origin.is_empty() => None,
            _ => Some(origin.start + turn % origin.len()),
        }
    }

    /// A request goes where its network's route leads.
    pub(super) fn over_the_internet(&mut self, request: Request) {
        let network = request.network.expect("it has a client");
        match self.internet.route(network) {
            (_, Some(node)) => self.enter(
                node,
                Request {
                    since: self.now,
                    ..request
                },
            ),
            (region, None) => self.done(request, region, Fate::Failed),
        }
    }

    /// A request has come to a node.
    fn enter(&mut self, node: usize, request: Request) {
        let sim = &mut self.nodes[node];
        if sim.alive.is_none() || sim.frozen.is_some() {
            let region = sim.region;
            return self.done(request, Some(region), Fate::Failed);
        }
        sim.load.came += 1;
        if self.plan.keys.is_some() {
            self.identify(node, request);
        } else {
            self.ask(node, request, false);
        }
    }

    /// A request that has waited for rights asks again.
    pub(super) fn again(&mut self, node: usize, request: Request) {
        if self.nodes[node].alive.is_none() {
            // It waited at a node that is no more.
            let region = self.nodes[node].region;
            return self.done(request, Some(region), Fate::Failed);
        }
        self.ask(node, request, true);
    }

    /// Asks the node's limit, `again` if the request has waited for rights.
    pub(super) fn ask(&mut self, node: usize, request: Request, again: bool) {
        let now = self.clock_of(node);
        let subject = self.keys.subject(request.key);
        let Some(alive) = &self.nodes[node].alive else {
            return;
        };
        let ask = Ask {
            limit: &self.limit,
            ix: alive.limit,
            subject,
            amount: self.limit.amount,
            cost: 1,
        };
        let decision = match again {
            false => alive.table.decide(now, &[ask]),
            true => alive.table.decide_again(now, &[ask]),
        };
        let (admitted, wake) = (decision.admitted, decision.wake);
        let waited = self.now.since(request.since);
        let pause = match decision.awaits_rights() {
            true => rights_pause(waited, self.limit.rights_wait),
            false => None,
        };
        if let Some(pause) = pause {
            self.schedule(self.now + pause, Happening::Again { node, request });
        } else {
            // By the true time, whatever the node takes it to be.
            let window = self.limit.windows.at(self.wall()).ix;
            self.tally.decided(request.key, window, admitted, self.now);
            self.tally.waited(waited, admitted);
            self.note(1, node as u64 * 2 + u64::from(admitted));
            self.decided(node, request, admitted);
        }
        if wake {
            self.tell(node, Event::Dirty);
        }
    }

    fn decided(&mut self, node: usize, request: Request, admitted: bool) {
        let region = self.nodes[node].region;
        let load = &mut self.nodes[node].load;
        if !admitted {
            load.limited += 1;
            return self.done(request, Some(region), Fate::Limited);
        }
        load.admitted += 1;
        let fate = match self.ill[region] {
            Illness::All => Fate::NoService,
            Illness::None | Illness::Some => self.queue(node),
        };
        if fate == Fate::Good
            && let Some(after) = self.keys.revoked_for(request.key, self.now)
        {
            self.watch.revocation = self.watch.revocation.max(after);
        }
        self.done(request, Some(region), fate);
    }

    /// A request joins the queue of a node. The queue is a moment: that in which the last of it
    /// will be done.
    fn queue(&mut self, node: usize) -> Fate {
        let Some(spec) = self.plan.capacity else {
            return Fate::Good;
        };
        let now = self.now;
        let sim = &mut self.nodes[node];
        let each =
            Duration::from_nanos(1_000_000_000 / u64::from(spec.node_per_second)) * sim.slow.max(1);
        let begins = sim.busy_until.max(now);
        let waits = begins.since(now);
        if waits >= each * spec.queue {
            return Fate::NoService;
        }
        sim.busy_until = begins + each;
        if let Some(recorder) = &mut self.recorder {
            recorder.busy[sim.region] += each;
        }
        match waits + each > spec.timeout.get() {
            true => Fate::Failed,
            false => Fate::Good,
        }
    }

    /// What became of a request; `region` is where it was led.
    pub(super) fn done(&mut self, request: Request, region: Option<usize>, fate: Fate) {
        self.tally.came_to(fate);
        let bad = matches!(fate, Fate::Failed | Fate::NoService);
        if bad {
            self.watch_failure();
            self.note(5, u64::from(request.key));
        }
        if let Some(network) = request.network {
            let answered = fate != Fate::Failed;
            self.internet.reached(network, answered, self.now);
            let place = self.internet.place(network);
            if let Some(recorder) = &mut self.recorder {
                recorder.request(Some(place), region, fate);
            }
            if bad {
                self.retry(request);
            }
        } else if let Some(recorder) = &mut self.recorder {
            recorder.request(None, region, fate);
        }
    }

    fn retry(&mut self, request: Request) {
        let Some(stream) = request.stream else { return };
        let client = &self.plan.clients[stream];
        if request.tried < client.retries {
            let after = client.retry_after.get() * (1 << request.tried.min(10));
            let tried = request.tried + 1;
            let request = Request { tried, ..request };
            self.schedule(self.now + after, Happening::Retry(request));
        }
    }

    /// Names a key, for people.
    pub(super) fn key_name(keys: &Keys, key: u32) -> String {
        keys.name(key)
    }
}
