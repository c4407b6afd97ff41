//! Who may withdraw, of those that could wait: one region at a time in the whole world.
//!
//! A node that wants to withdraw asks everyone, and goes once a majority of the nodes in a majority
//! of the regions lets it go. Two regions' majorities have a region in common, and in it a node,
//! and a node lets one go at a time. So no two regions hold a permit at once, whatever is lost,
//! late or cut; whoever cannot reach a majority stays.
//!
//! A permit is a lease. The holder counts it from the moment in which it asked, the giver from the
//! moment in which it gave, each on its own clock: the giver's always ends later. Questions and
//! permits travel with the nodes' reports and are repeated until they are answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_model::{Mono, NodeId, Now, RegionId};

use crate::view::FRESH;
use crate::{Grant, Other, SteerSpec, View, Words};

/// How long a question that was given up for an older one rests.
const YIELD: Duration = Duration::from_secs(2);

/// Questions and permits of one node.
#[derive(Debug)]
pub(crate) struct Permits {
    me: NodeId,
    regions: Vec<RegionId>,
    /// Nodes of this region that the configuration lists, and how many there are at least.
    listed: u16,
    mates: u16,
    born: Mono,
    ask: Option<Ask>,
    /// It asks again only then.
    rests_until: Mono,
    /// Whom this node lets go.
    given: Option<Given>,
    /// The region that left last by a permit of this node.
    left: Option<(RegionId, Mono)>,
    departures: u32,
}

/// A permit that this node gave.
#[derive(Debug)]
struct Given {
    grant: Grant,
    at: Mono,
    /// How often the holder had left before.
    departures: u32,
}

#[derive(Debug)]
struct Ask {
    number: u64,
    since: Mono,
    /// Who let us go.
    got: BTreeSet<NodeId>,
}

/// What is missing for a permit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// Regions that let the node go.
    pub have: usize,
    /// How many have to.
    pub need: usize,
    /// Who is being let go instead.
    pub instead: Option<NodeId>,
}

impl Permits {
    pub(crate) fn new(me: NodeId, regions: Vec<RegionId>, mates: u16, now: Mono) -> Self {
        Self {
            me,
            regions,
            listed: mates,
            mates,
            born: now,
            ask: None,
            rests_until: now,
            given: None,
            left: None,
            departures: 0,
        }
    }

    pub(crate) fn reconfigure(&mut self, regions: Vec<RegionId>, mates: u16) {
        (self.regions, self.listed) = (regions, mates);
    }

    /// What the node says to the others.
    pub(crate) fn words(&self) -> Words {
        Words {
            asks: self.ask.as_ref().map(|ask| ask.number),
            grant: self.given.as_ref().map(|given| given.grant.clone()),
            mates: self.mates,
            departures: self.departures,
        }
    }

    /// Whether this node lets go a region at the moment, or has just done so: what it knows of that
    /// region's nodes may be old.
    pub(crate) fn lets_go(&self, region: &RegionId, now: Mono) -> bool {
        let given = self.given.as_ref().map(|given| &given.grant.to);
        given.is_some_and(|to| *to != self.me && to.region == *region)
            || (self.left.as_ref())
                .is_some_and(|(left, at)| left == region && now.since(*at) < FRESH)
    }

    /// Who let this node go.
    pub(crate) fn got(&self, node: &NodeId) -> bool {
        self.ask.as_ref().is_some_and(|ask| ask.got.contains(node))
    }

    /// Asks, unless it does.
    pub(crate) fn ask(&mut self, now: Now) {
        if self.ask.is_none() && now.mono >= self.rests_until {
            self.ask = Some(Ask {
                // Unlike that of any earlier life.
                number: now.wall.unix_micros(),
                since: now.mono,
                got: BTreeSet::new(),
            });
        }
    }

    /// Takes the question back, or is done with it.
    pub(crate) fn end(&mut self) {
        self.ask = None;
        if self
            .given
            .as_ref()
            .is_some_and(|given| given.grant.to == self.me)
        {
            self.given = None;
        }
    }

    /// The node has left by its permit.
    pub(crate) fn used(&mut self, now: Mono) {
        self.end();
        self.departures = self.departures.wrapping_add(1);
        self.left = Some((self.me.region.clone(), now));
    }

    /// Takes in what others say, and lets go whoever may.
    pub(crate) fn look(&mut self, view: &View, spec: &SteerSpec, now: Now) {
        let at_home = view
            .others
            .iter()
            .filter(|o| o.node.region == self.me.region);
        // Nodes that no file lists count too.
        let at_home = at_home.count().min(usize::from(u16::MAX) - 1) as u16 + 1;
        self.mates = self.listed.max(at_home);
        if self.expired(spec, now.mono) {
            self.end();
        }
        self.close(view, spec, now.mono);
        self.give(view, spec, now.mono);
        let number = self.ask.as_ref().map(|ask| ask.number);
        let gives = |grant: &Grant| grant.to == self.me && Some(grant.ask) == number;
        let others = view.fresh(now.mono);
        let got = others
            .filter(|other| other.words.grant.as_ref().is_some_and(gives))
            .map(|other| other.node.clone());
        let own = self.given.as_ref().filter(|given| gives(&given.grant));
        let got: Vec<NodeId> = got.chain(own.map(|_| self.me.clone())).collect();
        if let Some(ask) = &mut self.ask {
            ask.got.extend(got);
        }
    }

    fn expired(&self, spec: &SteerSpec, now: Mono) -> bool {
        let old = |ask: &Ask| now.since(ask.since) >= spec.permit.get();
        self.ask.as_ref().is_some_and(old)
    }

    /// Ends a permit that was used, taken back, or is over.
    fn close(&mut self, view: &View, spec: &SteerSpec, now: Mono) {
        let Some(Given {
            grant,
            at,
            departures,
        }) = &self.given
        else {
            return;
        };
        if grant.to == self.me {
            return;
        }
        let holder = view.others.iter().find(|other| other.node == grant.to);
        let permit = spec.permit.get();
        // Its word must be younger than what it speaks of: an older one is of the time before.
        let ended = holder.is_some_and(|o| o.words.asks != Some(grant.ask) && o.as_of > *at);
        let outlived = holder.is_some_and(|o| o.as_of >= *at + permit);
        let silent = now.since(*at) >= permit + FRESH;
        if !(ended || outlived || silent) {
            return;
        }
        // Whoever is silent may have left.
        // Whoever left may be back already.
        let stays = |o: &Other| o.announced && o.words.departures == *departures;
        let stays = holder.is_some_and(stays) && !silent;
        if !stays {
            self.left = Some((grant.to.region.clone(), now));
        }
        self.given = None;
    }

    /// Lets the oldest question go, if it may.
    fn give(&mut self, view: &View, spec: &SteerSpec, now: Mono) {
        let asking = view.fresh(now).filter_map(|other| {
            let ask = other.words.asks?;
            Some((ask, other.node.clone()))
        });
        let own = self.ask.as_ref().map(|ask| (ask.number, self.me.clone()));
        let mut asking: Vec<(u64, NodeId)> = asking.chain(own.clone()).collect();
        asking.sort();
        // Whoever asks the same as an older one elsewhere, and has not got it, lets that go first.
        let older_elsewhere = asking
            .first()
            .is_some_and(|(_, node)| node.region != self.me.region);
        if own.is_some() && older_elsewhere && self.missing(view, now).is_some() {
            self.end();
            self.rests_until = now + YIELD;
            asking.retain(|(_, node)| *node != self.me);
        }
        if self.given.is_some() || now.since(self.born) < spec.permit.get() {
            return;
        }
        let may = |node: &NodeId| match &self.left {
            Some((region, at)) => *region == node.region || now.since(*at) >= spec.pause.get(),
            None => true,
        };
        if let Some((ask, to)) = asking.into_iter().find(|(_, node)| may(node)) {
            let holder = view.others.iter().find(|other| other.node == to);
            self.given = Some(Given {
                departures: holder.map_or(self.departures, |other| other.words.departures),
                grant: Grant { to, ask },
                at: now,
            });
        }
    }

    /// What this node lacks to go.
    pub(crate) fn missing(&self, view: &View, now: Mono) -> Option<Missing> {
        let mut mates: BTreeMap<&RegionId, u16> = BTreeMap::new();
        mates.insert(&self.me.region, self.mates);
        for other in &view.others {
            let known = mates.entry(&other.node.region).or_default();
            *known = (*known).max(other.words.mates).max(1);
        }
        let got = |region: &RegionId| {
            let ask = self.ask.as_ref();
            ask.map_or(0, |ask| {
                ask.got.iter().filter(|n| n.region == *region).count()
            })
        };
        let lets = |region: &&RegionId| {
            let of = mates.get(*region).copied().unwrap_or(1);
            got(region) * 2 > usize::from(of)
        };
        let have = self.regions.iter().filter(lets).count();
        let need = self.regions.len() / 2 + 1;
        let instead = view.fresh(now).find_map(|other| {
            let grant = other.words.grant.as_ref()?;
            (grant.to.region != self.me.region).then(|| grant.to.clone())
        });
        (have < need).then_some(Missing {
            have,
            need,
            instead,
        })
    }
}
