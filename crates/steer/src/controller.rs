//! The machine that turns checks into plans.

mod explanation;

use tidegate_model::{Machine, Mono, NodeId, Now, RegionId};

use crate::damp::{Penalty, Turns};
use crate::permit::Permits;
use crate::safety::{STEP, Scene};
use crate::{Plan, Reason, SteerSpec, Trouble, Veto, View, Words};

/// What the controller hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The node checked itself; `Err` says what is wrong.
    Checked(Result<(), Trouble>),
    /// What is known of the others.
    Viewed(View),
    /// The operator wants the node to leave, if nothing forbids it.
    Drain,
    /// It is as good as gone: connections were told to close. It leaves as soon as it may.
    Settled,
    /// The node is being stopped, or drained by force: withdraw, whatever it means for others.
    Leave,
    /// The operator took that back.
    Return,
    /// The operator wants nothing to change, whatever checks say; or takes that back.
    Hold(bool),
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Not announced yet.
    Starting,
    /// Announced.
    Announced,
    /// Withdrew because it was ill.
    Withdrawn,
    /// Withdrew because it is being stopped or drained.
    Leaving,
}

/// Who a node is among the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// Who.
    pub me: NodeId,
    /// All regions of the world.
    pub regions: Vec<RegionId>,
    /// Nodes that the configuration lists in its region.
    pub mates: u16,
}

/// How far an operator's drain has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Drain {
    No,
    Wanted,
    Settled,
}

/// Decides, for one node, whether it is announced.
#[derive(Debug)]
pub struct Controller {
    me: NodeId,
    spec: SteerSpec,
    view: View,
    permits: Permits,
    turns: Turns,
    penalty: Penalty,
    standing: Standing,
    checks: Checks,
    held: bool,
    drain: Drain,
    vetoed: Option<Veto>,
    plans: u64,
    out: Option<Plan>,
}

/// Where the node stands, and since when.
#[derive(Debug)]
struct Standing {
    state: State,
    since: Mono,
    /// Whether it is announced as the second choice.
    reduced: bool,
    /// Whether that is because it fails its checks.
    ailing: bool,
    /// When a node of the same region was seen to leave.
    mate_left: Option<Mono>,
    mates_announced: usize,
}

/// How checks went lately.
#[derive(Debug, Default)]
struct Checks {
    good_in_a_row: u32,
    bad_in_a_row: u32,
    trouble: Option<Trouble>,
}

impl Checks {
    fn note(&mut self, result: Result<(), Trouble>) {
        if result.is_ok() {
            self.good_in_a_row = self.good_in_a_row.saturating_add(1);
            self.bad_in_a_row = 0;
        } else {
            self.bad_in_a_row = self.bad_in_a_row.saturating_add(1);
            self.good_in_a_row = 0;
        }
        self.trouble = result.err();
    }
}

impl Controller {
    /// A controller for a node that has just started and is not announced.
    #[must_use]
    pub fn new(seat: Seat, spec: SteerSpec, now: Now) -> Self {
        Self {
            permits: Permits::new(seat.me.clone(), seat.regions, seat.mates, now.mono),
            me: seat.me,
            spec,
            view: View::default(),
            turns: Turns::default(),
            penalty: Penalty::none(now.mono),
            standing: Standing {
                state: State::Starting,
                since: now.mono,
                reduced: false,
                ailing: false,
                mate_left: None,
                mates_announced: 0,
            },
            checks: Checks::default(),
            held: false,
            drain: Drain::No,
            vetoed: None,
            plans: 0,
            out: None,
        }
    }

    /// Where the node stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.standing.state
    }

    /// Whether the node passed its last check.
    #[must_use]
    pub const fn is_fit(&self) -> bool {
        self.checks.trouble.is_none()
    }

    /// What keeps a node from withdrawing that would like to.
    #[must_use]
    pub const fn vetoed(&self) -> Option<&Veto> {
        self.vetoed.as_ref()
    }

    /// What the last check found wrong.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        let trouble = self.checks.trouble.as_ref();
        trouble.map(|trouble| trouble.what.as_str())
    }

    /// Whether the operator holds everything as it is.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// Whether it is announced as the second choice.
    #[must_use]
    pub const fn is_reduced(&self) -> bool {
        self.standing.reduced
    }

    /// Whether an operator's drain may go on: nothing forbids the node to withdraw.
    #[must_use]
    pub const fn may_leave(&self) -> bool {
        !matches!(self.drain, Drain::No) && self.vetoed.is_none()
    }

    /// What the node says to others of leaving.
    #[must_use]
    pub fn words(&self) -> Words {
        self.permits.words()
    }

    /// Call when the configuration has changed.
    pub fn reconfigure(&mut self, spec: SteerSpec, regions: Vec<RegionId>, mates: u16) {
        self.spec = spec;
        self.permits.reconfigure(regions, mates);
    }

    fn viewed(&mut self, view: View, now: Now) {
        self.view = view;
        self.turns.look(&self.view, &self.me.region, now.mono);
        let mates = self.view.fresh(now.mono);
        let mates = mates.filter(|o| o.announced && o.node.region == self.me.region);
        let mates = mates.count();
        if mates < self.standing.mates_announced {
            self.standing.mate_left = Some(now.mono);
        }
        self.standing.mates_announced = mates;
    }

    const fn scene(&self, now: Mono) -> Scene<'_> {
        Scene {
            me: &self.me,
            view: &self.view,
            permits: &self.permits,
            spec: &self.spec,
            now,
        }
    }

    fn decide(&mut self, now: Now) {
        self.permits.look(&self.view, &self.spec, now);
        self.vetoed = None;
        match self.standing.state {
            State::Starting | State::Withdrawn if self.drain != Drain::No => {
                self.leave_if(self.drain == Drain::Settled, now.mono);
            }
            State::Starting | State::Withdrawn if self.stopped().is_some() => {}
            State::Starting if self.is_well(now.mono) => {
                self.become_(State::Announced, Reason::Fit, now.mono);
            }
            State::Withdrawn if self.is_well(now.mono) && self.waits(now.mono).is_none() => {
                self.standing.reduced = !self.spec.ramp.get().is_zero();
                self.become_(State::Announced, Reason::Returning, now.mono);
            }
            State::Announced => self.stay_or_go(now),
            State::Starting | State::Withdrawn | State::Leaving => {}
        }
    }

    fn is_well(&self, now: Mono) -> bool {
        self.checks.good_in_a_row >= self.needed(now)
    }

    /// Good checks in a row that announce it. Whoever was ill shows for longer that it is not,
    /// unless nobody else is there.
    fn needed(&self, now: Mono) -> u32 {
        let others = self.scene(now).carriers().next().is_some();
        match self.standing.state {
            State::Withdrawn if others => self.spec.rise,
            _ => self.spec.start,
        }
    }

    /// What stops checks from deciding.
    const fn stopped(&self) -> Option<Veto> {
        match (self.held, self.spec.freeze) {
            (true, _) => Some(Veto::Held),
            (_, true) => Some(Veto::Frozen),
            _ => None,
        }
    }

    /// What a node that is well again waits for, and how long. If nobody else is there, for
    /// nothing.
    fn waits(&self, now: Mono) -> Option<String> {
        self.scene(now).carriers().next()?;
        let half_life = self.spec.penalty_half_life.get();
        let rest = self.spec.dwell.get();
        let rest = rest.saturating_sub(now.since(self.standing.since));
        if !rest.is_zero() {
            return Some(format!("rests for {:.1} s more", rest.as_secs_f64()));
        }
        let mut penalty = self.penalty;
        if penalty.suppresses(half_life, now) {
            let lasts = penalty.lasts(half_life, now).as_secs();
            return Some(format!(
                "came and went too often and stays away for {lasts} s more"
            ));
        }
        // With mates on the air the region does not change.
        let turn = self.turns.lately(self.spec.pause.get(), now);
        let (region, left) = turn.filter(|_| self.standing.mates_announced == 0)?;
        let left = left.as_secs_f64().ceil();
        Some(format!(
            "waits for {left} s more, because {region} has just changed: one region at a time"
        ))
    }

    fn stay_or_go(&mut self, now: Now) {
        let ill = self.checks.bad_in_a_row >= self.spec.fall;
        let total = (self.checks.trouble.as_ref()).is_some_and(|trouble| !trouble.serves_some);
        if self.drain != Drain::No {
            self.vetoed = self.could_wait(false, now);
            self.leave_if(self.drain == Drain::Settled, now.mono);
        } else if ill {
            self.vetoed = match self.stopped() {
                Some(veto) => Some(veto),
                None if total => self.scene(now.mono).must_stay(),
                None => self.step_back(now),
            };
            if self.vetoed.is_none() && (total || self.has_stepped_back(now.mono)) {
                self.withdraw(total, now.mono);
            }
        } else {
            self.permits.end();
            self.ramp_up(now.mono);
        }
    }

    /// A node that still serves something becomes the second choice before it withdraws: at once if
    /// nodes of its own region take over, else when a withdrawal is allowed. Returns what forbids
    /// that.
    fn step_back(&mut self, now: Now) -> Option<Veto> {
        let veto = self.could_wait(true, now);
        let may = veto.is_none() || self.scene(now.mono).mates_take_over();
        if may && !self.standing.ailing && !self.spec.ramp.get().is_zero() {
            self.standing.reduced = true;
            self.penalty
                .add(self.spec.penalty_half_life.get(), now.mono);
            let trouble = self.trouble().unwrap_or_default().to_owned();
            self.become_(State::Announced, Reason::Ailing(trouble), now.mono);
        }
        veto
    }

    /// Whether it has been the second choice for long enough to see what that does. Without a ramp
    /// there is no second choice.
    fn has_stepped_back(&self, now: Mono) -> bool {
        let long = now.since(self.standing.since) >= STEP;
        self.spec.ramp.get().is_zero() || (self.standing.ailing && long)
    }

    /// What forbids a withdrawal that could wait. Asks for a permit if nothing else does.
    fn could_wait(&mut self, by_steps: bool, now: Now) -> Option<Veto> {
        let step = |left: Mono| now.mono.since(left) < STEP;
        let stepped = by_steps && self.standing.mate_left.is_some_and(step);
        let veto = self.scene(now.mono).should_stay();
        if let Some(veto) = veto.or_else(|| stepped.then_some(Veto::Step)) {
            self.permits.end();
            return Some(veto);
        }
        self.permits.ask(now);
        self.permits.look(&self.view, &self.spec, now);
        self.scene(now.mono).not_let_go()
    }

    fn withdraw(&mut self, total: bool, now: Mono) {
        if total {
            self.permits.end();
        } else {
            self.permits.used(now);
        }
        // Whoever stepped back first has it already.
        if !self.standing.ailing {
            self.penalty.add(self.spec.penalty_half_life.get(), now);
        }
        let trouble = self.trouble().unwrap_or_default().to_owned();
        self.become_(State::Withdrawn, Reason::Unfit(trouble), now);
    }

    /// Leaves by an operator's drain, if it has settled and nothing forbids it.
    fn leave_if(&mut self, settled: bool, now: Mono) {
        if settled && self.vetoed.is_none() {
            if self.standing.state == State::Announced {
                self.permits.used(now);
            }
            self.drain = Drain::No;
            self.become_(State::Leaving, Reason::Leaving, now);
        }
    }

    fn ramp_up(&mut self, now: Mono) {
        let ramped = now.since(self.standing.since) >= self.spec.ramp.get();
        let well = self.checks.good_in_a_row >= self.spec.rise;
        let half_life = self.spec.penalty_half_life.get();
        if self.standing.reduced && ramped && well && !self.penalty.suppresses(half_life, now) {
            self.become_(State::Announced, Reason::Fit, now);
        }
    }

    fn become_(&mut self, state: State, reason: Reason, now: Mono) {
        let second = matches!(reason, Reason::Returning | Reason::Ailing(_));
        let reduced = second && self.standing.reduced;
        self.standing.ailing = matches!(reason, Reason::Ailing(_));
        self.standing.state = state;
        self.standing.since = now;
        self.standing.reduced = reduced;
        self.plans += 1;
        self.out = Some(Plan {
            number: self.plans,
            announce: state == State::Announced,
            reduced,
            reason,
        });
    }

    fn leave(&mut self, now: Mono) {
        self.drain = Drain::No;
        self.permits.end();
        if self.state() != State::Leaving {
            self.become_(State::Leaving, Reason::Leaving, now);
        }
    }

    fn come_back(&mut self, now: Mono) {
        self.drain = Drain::No;
        self.permits.end();
        if self.state() == State::Leaving {
            self.checks.good_in_a_row = 0;
            self.penalty = Penalty::none(now);
            self.become_(State::Starting, Reason::Starting, now);
        }
    }
}

impl Machine for Controller {
    type Input = Input;
    type Output = Plan;

    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Checked(result) => self.checks.note(result),
            Input::Viewed(view) => self.viewed(view, now),
            Input::Hold(held) => {
                self.held = held;
                self.penalty = Penalty::none(now.mono);
            }
            Input::Drain if self.state() == State::Leaving => {}
            Input::Drain => self.drain = Drain::Wanted,
            Input::Settled if self.drain == Drain::No => {}
            Input::Settled => self.drain = Drain::Settled,
            Input::Leave => self.leave(now.mono),
            Input::Return => self.come_back(now.mono),
        }
        self.decide(now);
    }

    fn wake(&mut self, now: Now) {
        self.decide(now);
    }

    fn next_wake(&self) -> Option<Mono> {
        None
    }

    fn poll(&mut self) -> Option<Plan> {
        self.out.take()
    }
}

#[cfg(test)]
mod tests;
