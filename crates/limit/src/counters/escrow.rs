//! Rights of strict limits, as they change hands. What they are, `rights.rs` says.
//!
//! A node that runs low asks the subject's home in its region; a home, or a node whose home is not
//! there, asks the region that has the most left. Whoever gives first takes the rights from its own
//! count, as a core takes a request from it, and then says so: rights are lost with a message until
//! the next one repeats the total, but never doubled.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_model::{Mono, NodeId, Now, RegionId};

use super::Counters;
use super::actors::ME;
use crate::line::Line;
use crate::rights::{self, Whose};
use crate::subject::LimitIx;
use crate::table::Registered;
use crate::{Actor, Mode, Presence, RightsOf, RightsTo, RightsWord, SubjectKey, Window, WindowIx};

/// The same node, or region, is asked again after so long.
const ASK_NODE_AGAIN: Duration = Duration::from_millis(4);
const ASK_REGION_AGAIN: Duration = Duration::from_millis(60);
/// Whoever has nothing to give is not asked for so long.
const DRY_FOR: Duration = Duration::from_millis(50);
/// A node keeps rights for what it was asked for in so long, a region for longer: it is farther to
/// where more are.
const NODE_AHEAD_S: f64 = 0.05;
const REGION_AHEAD_S: f64 = 0.3;
/// Nodes that gave, or got, of one subject in one window, and words that wait: beyond it, asks are
/// left unanswered.
const HANDS_MAX: usize = 512;
const WORDS_MAX: usize = 16_384;

/// Rights of one subject that came and went.
#[derive(Debug, Default)]
pub(super) struct Rights {
    window: WindowIx,
    gained: BTreeMap<Actor, u32>,
    given: BTreeMap<Actor, u32>,
    gained_before: u32,
    given_before: u32,
    asked: BTreeMap<RightsTo, Asked>,
    dry: bool,
}

#[derive(Debug, Default)]
struct Asked {
    at: Mono,
    dry_until: Mono,
}

impl Rights {
    /// Goes on to a window, if it is a later one.
    fn turn(&mut self, window: WindowIx) {
        if window <= self.window {
            return;
        }
        let next = self.window.next() == window;
        let sum = |hands: &BTreeMap<Actor, u32>| if next { hands.values().sum() } else { 0 };
        (self.gained_before, self.given_before) = (sum(&self.gained), sum(&self.given));
        self.window = window;
        self.gained.clear();
        self.given.clear();
        self.asked.clear();
        self.dry = false;
    }

    /// What was given away in `window` and in the one before.
    pub(super) fn given(&self, window: WindowIx) -> (u32, u32) {
        let given = || self.given.values().sum();
        if self.window == window {
            (given(), self.given_before)
        } else if self.window == window.previous() {
            (0, given())
        } else {
            (0, 0)
        }
    }

    /// What the cores must know.
    pub(super) fn line(&mut self, window: WindowIx) -> Line {
        self.turn(window);
        Line {
            window: self.window,
            base: self.gained.values().sum(),
            before: self.gained_before,
            roll: u32::from(self.dry),
            ..Line::default()
        }
    }

    fn gained_of(&self, to: &RightsTo) -> u32 {
        let theirs = self.gained.iter().filter(|(actor, _)| match to {
            RightsTo::Node(node) => actor.node == *node,
            RightsTo::Region(region) => actor.node.region == *region,
        });
        theirs.map(|(_, total)| total).sum()
    }

    /// Whether `to` may be asked now.
    fn may_ask(&self, to: &RightsTo, now: Mono) -> bool {
        let again = match to {
            RightsTo::Node(_) => ASK_NODE_AGAIN,
            RightsTo::Region(_) => ASK_REGION_AGAIN,
        };
        self.asked
            .get(to)
            .is_none_or(|asked| now.since(asked.at) >= again)
    }

    fn is_dry(&self, to: &RightsTo, now: Mono) -> bool {
        self.asked
            .get(to)
            .is_some_and(|asked| now < asked.dry_until)
    }
}

/// Where a strict subject stands at this node.
struct Standing {
    window: Window,
    whose: Whose,
    amount: u32,
    /// Rights that are left.
    left: u32,
    /// The subject's home in this region, if it is another node.
    home: Option<NodeId>,
}

impl Counters {
    /// The next word about rights to send.
    pub fn poll_rights(&mut self) -> Option<(RightsTo, RightsWord)> {
        self.words.pop_front()
    }

    /// Says which nodes of the region are there to be asked.
    pub fn set_alive(&mut self, alive: impl Iterator<Item = NodeId>) {
        self.alive = alive.collect();
    }

    /// Asks for rights if a subject runs low.
    pub(super) fn seek_rights(&mut self, key: SubjectKey, now: Now) {
        self.seek_for(key, 0, now);
    }

    /// The same, for at least so many.
    fn seek_for(&mut self, key: SubjectKey, at_least: u32, now: Now) {
        let Some((limit, standing)) = self.standing(key, now) else {
            return;
        };
        let asks_regions = standing.home.is_none();
        let want = self.wanted(key, asks_regions).max(at_least);
        if standing.left >= want.div_ceil(2) && standing.left > 0 {
            return;
        }
        let want = want.min(standing.amount).max(1);
        match &standing.home {
            Some(home) => {
                let to = RightsTo::Node(home.clone());
                self.ask(key, limit, &standing, to, want, now);
            }
            None => self.ask_regions(key, limit, &standing, want, now),
        }
    }

    /// How many rights should be at hand.
    fn wanted(&self, key: SubjectKey, for_region: bool) -> u32 {
        let Some(subject) = self.subjects.get(&key) else {
            return 0;
        };
        let near = |row: &&super::ActorRow| {
            row.actor == ME || for_region && self.actors.get(row.actor).node.region == self.home
        };
        let rate: f64 = subject.rows.iter().filter(near).map(|row| row.rate).sum();
        let ahead = if for_region {
            REGION_AHEAD_S
        } else {
            NODE_AHEAD_S
        };
        // What was asked for just now came at once: a rate does not tell of it.
        (rate * ahead).ceil().max(subject.rate.recent().ceil()) as u32
    }

    fn ask_regions(
        &mut self,
        key: SubjectKey,
        limit: LimitIx,
        standing: &Standing,
        want: u32,
        now: Now,
    ) {
        let Some(subject) = self.subjects.get(&key) else {
            return;
        };
        let regions = self.regions.len() as u16;
        let mut richest: Option<(u32, RightsTo)> = None;
        for (place, region) in (0..).zip(&self.regions) {
            let to = RightsTo::Region(region.clone());
            let heard = self.presence[usize::from(place)] == Presence::Reachable;
            if *region == self.home || !heard || subject.rights.is_dry(&to, now.mono) {
                continue;
            }
            let part = standing.whose.part_of(place, regions, standing.amount);
            let spent = subject.spent_by(usize::from(place), standing.window.ix);
            let left = part.saturating_sub(spent as u32);
            if left > 0 && richest.as_ref().is_none_or(|(most, _)| left > *most) {
                richest = Some((left, to));
            }
        }
        match richest {
            Some((_, to)) => self.ask(key, limit, standing, to, want, now),
            None => self.run_dry(key, now),
        }
    }

    fn run_dry(&mut self, key: SubjectKey, now: Now) {
        if let Some(subject) = self.subjects.get_mut(&key)
            && !subject.rights.dry
        {
            subject.rights.dry = true;
            self.redraw(key, now);
        }
    }

    fn ask(
        &mut self,
        key: SubjectKey,
        limit: LimitIx,
        standing: &Standing,
        to: RightsTo,
        want: u32,
        now: Now,
    ) {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        let rights = &mut subject.rights;
        rights.turn(standing.window.ix);
        if rights.is_dry(&to, now.mono) || !rights.may_ask(&to, now.mono) {
            return;
        }
        rights.asked.entry(to.clone()).or_default().at = now.mono;
        let word = RightsWord::Ask {
            of: RightsOf {
                limit: self.limits[usize::from(limit.0)].id,
                window: standing.window.ix,
                subject: key.raw().to_le_bytes(),
            },
            amount: standing.amount,
            taker: self.actors.get(ME).clone(),
            have: rights.gained_of(&to),
            want,
        };
        self.say(to, word);
    }

    fn say(&mut self, to: RightsTo, word: RightsWord) {
        if self.words.len() < WORDS_MAX {
            self.words.push_back((to, word));
        }
    }

    /// Takes in a word about rights that is for this node.
    pub fn hear_rights(&mut self, word: &RightsWord, now: Now) {
        let of = word.of();
        let found = self
            .limits
            .iter()
            .position(|terms| terms.id == of.limit && terms.mode == Mode::Strict);
        let Some(limit) = found else {
            return;
        };
        let terms = &self.limits[limit];
        if terms.windows.at(now.wall).ix != of.window {
            return;
        }
        let (limit, key) = (
            LimitIx(limit as u16),
            SubjectKey::from_raw(u64::from_le_bytes(of.subject)),
        );
        let Some(slot) = self.table.admit_subject(key, limit, terms, now) else {
            return;
        };
        let home = self.actors.region(ME);
        super::subject_entry(&mut self.subjects, key, slot, limit, home, now.mono);
        match word {
            RightsWord::Ask {
                amount,
                taker,
                have,
                want,
                ..
            } => {
                if self.table.slot(slot).terms().1 == 0 {
                    self.table.slot(slot).set_terms(limit, *amount);
                }
                self.give(key, of, taker, have.saturating_add(*want), now);
            }
            RightsWord::Grant {
                giver,
                taker,
                total,
                dry,
                ..
            } => {
                if taker == self.actors.get(ME) {
                    self.gain(key, of.window, giver, *total, *dry, now);
                }
            }
        }
    }

    /// Gives until `taker` has had `upto` of us, as far as there is.
    fn give(&mut self, key: SubjectKey, of: RightsOf, taker: &Actor, upto: u32, now: Now) {
        let Some((_, standing)) = self.standing(key, now) else {
            return;
        };
        let abroad = taker.node.region != self.home;
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        subject.rights.turn(of.window);
        let had = subject.rights.given.get(taker).copied().unwrap_or_default();
        let full = had == 0 && subject.rights.given.len() == HANDS_MAX;
        // Who has customers of its own keeps half of what is left from other regions.
        let keeps = abroad
            && subject
                .rows
                .iter()
                .any(|row| row.rate > 0.0 && self.actors.get(row.actor).node.region == self.home);
        let most = if keeps {
            standing.left.div_ceil(2)
        } else {
            standing.left
        };
        let wanted = upto.saturating_sub(had);
        let gives = if full { 0 } else { wanted.min(most) };
        let slot = self.table.slot(subject.slot);
        let spent = slot.own(of.window).admitted;
        let room = spent.saturating_add(standing.left);
        // Another core may have taken some since we looked; then the next ask gets them.
        let gives = if gives > 0 && slot.admit(of.window, gives, room).is_ok() {
            gives
        } else {
            0
        };
        if gives > 0 {
            *subject.rights.given.entry(taker.clone()).or_default() += gives;
        }
        let short = wanted > gives;
        let word = RightsWord::Grant {
            of,
            giver: self.actors.get(ME).clone(),
            taker: taker.clone(),
            total: had + gives,
            dry: short && (abroad && standing.left == gives || !abroad && subject.rights.dry),
        };
        self.say(RightsTo::Node(taker.node.clone()), word);
        if short && !abroad {
            self.seek_for(key, wanted - gives, now);
        }
    }

    fn gain(
        &mut self,
        key: SubjectKey,
        window: WindowIx,
        giver: &Actor,
        total: u32,
        dry: bool,
        now: Now,
    ) {
        let Some(subject) = self.subjects.get_mut(&key) else {
            return;
        };
        let rights = &mut subject.rights;
        rights.turn(window);
        if rights.window != window || rights.gained.len() == HANDS_MAX {
            return;
        }
        let had = rights.gained.entry(giver.clone()).or_default();
        let news = total > *had;
        *had = total.max(*had);
        let near = giver.node.region == self.home;
        let to = match near {
            true => RightsTo::Node(giver.node.clone()),
            false => RightsTo::Region(giver.node.region.clone()),
        };
        let asked = rights.asked.entry(to).or_default();
        if dry {
            asked.dry_until = now.mono + DRY_FOR;
        }
        // A home has asked everybody before it says that it is dry.
        rights.dry = dry && near && !news;
        self.redraw(key, now);
    }

    fn standing(&self, key: SubjectKey, now: Now) -> Option<(LimitIx, Standing)> {
        let subject = self.subjects.get(&key)?;
        let terms: &Registered = self.limits.get(usize::from(subject.limit.0))?;
        let slot = self.table.slot(subject.slot);
        let amount = match slot.terms().1 {
            0 => terms.amount,
            amount => amount,
        };
        let window = terms.windows.at(now.wall);
        if !self.table.enter_window(subject.limit, window.ix) {
            return None;
        }
        let realm = self.table.realm();
        let (room, _) = rights::room(realm, slot, key, amount, terms.algorithm, window, now.wall);
        let realm = realm.get();
        let whose = Whose::new(key, window.ix, terms.algorithm);
        let home = realm.home(whose).filter(|home| *home != realm.node);
        let home = home.and_then(|home| self.nodes.get(usize::from(home)));
        let standing = Standing {
            window,
            whose,
            amount,
            left: room.saturating_sub(slot.own(window.ix).admitted),
            home: home.filter(|home| self.alive.contains(*home)).cloned(),
        };
        Some((subject.limit, standing))
    }

    /// The subject's home in this region, for a word that is for it.
    #[must_use]
    pub fn home_of(&self, of: RightsOf) -> Option<&NodeId> {
        let key = SubjectKey::from_raw(u64::from_le_bytes(of.subject));
        let terms = self.limits.iter().find(|terms| terms.id == of.limit)?;
        let whose = Whose::new(key, of.window, terms.algorithm);
        let home = self.table.realm().get().home(whose)?;
        self.nodes.get(usize::from(home))
    }

    /// The region of this node.
    #[must_use]
    pub const fn region(&self) -> &RegionId {
        &self.home
    }
}
