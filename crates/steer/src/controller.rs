//! The machine that turns checks into plans.

use tidegate_model::{Machine, Mono, NodeId, Now};

use crate::{Plan, Reason, SteerSpec, Veto, View, veto};

/// What the controller hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The node checked itself; `Err` says what is wrong.
    Checked(Result<(), String>),
    /// What is known of the others.
    Viewed(View),
    /// The node is being stopped or drained: withdraw, whatever it means for others.
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

/// Decides, for one node, whether it is announced.
#[derive(Debug)]
pub struct Controller {
    me: NodeId,
    spec: SteerSpec,
    view: View,
    state: State,
    /// When the state began.
    since: Mono,
    good_in_a_row: u32,
    bad_in_a_row: u32,
    trouble: Option<String>,
    vetoed: Option<Veto>,
    held: bool,
    plans: u64,
    out: Option<Plan>,
}

impl Controller {
    /// A controller for a node that has just started and is not announced.
    #[must_use]
    pub fn new(me: NodeId, spec: SteerSpec, now: Now) -> Self {
        Self {
            me,
            spec,
            view: View::default(),
            state: State::Starting,
            since: now.mono,
            good_in_a_row: 0,
            bad_in_a_row: 0,
            trouble: None,
            vetoed: None,
            held: false,
            plans: 0,
            out: None,
        }
    }

    /// Where the node stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the node passed its last check.
    #[must_use]
    pub const fn is_fit(&self) -> bool {
        self.trouble.is_none()
    }

    /// What keeps a node from withdrawing that would like to.
    #[must_use]
    pub const fn vetoed(&self) -> Option<Veto> {
        self.vetoed
    }

    /// What the last check found wrong.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether the operator holds everything as it is.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// Call when the configuration has changed.
    pub fn reconfigure(&mut self, spec: SteerSpec) {
        self.spec = spec;
    }

    fn checked(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.good_in_a_row = self.good_in_a_row.saturating_add(1);
                self.bad_in_a_row = 0;
                self.trouble = None;
            }
            Err(trouble) => {
                self.bad_in_a_row = self.bad_in_a_row.saturating_add(1);
                self.good_in_a_row = 0;
                self.trouble = Some(trouble);
            }
        }
    }

    fn decide(&mut self, now: Mono) {
        self.vetoed = None;
        match self.state {
            State::Starting | State::Withdrawn if self.held => {}
            State::Starting if self.good_in_a_row >= self.spec.rise => {
                self.become_(State::Announced, Reason::Fit, now);
            }
            State::Withdrawn => {
                let rested = now.since(self.since) >= self.spec.dwell.get();
                if rested && self.good_in_a_row >= self.spec.rise {
                    self.become_(State::Announced, Reason::Fit, now);
                }
            }
            State::Announced if self.bad_in_a_row >= self.spec.fall => {
                self.vetoed = if self.held {
                    Some(Veto::Held)
                } else {
                    veto(&self.me, &self.view, now)
                };
                if self.vetoed.is_none() {
                    let trouble = self.trouble.clone().unwrap_or_default();
                    self.become_(State::Withdrawn, Reason::Unfit(trouble), now);
                }
            }
            State::Starting | State::Announced | State::Leaving => {}
        }
    }

    fn become_(&mut self, state: State, reason: Reason, now: Mono) {
        self.state = state;
        self.since = now;
        self.plans += 1;
        self.out = Some(Plan {
            number: self.plans,
            announce: state == State::Announced,
            reason,
        });
    }
}

impl Machine for Controller {
    type Input = Input;
    type Output = Plan;

    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Checked(result) => self.checked(result),
            Input::Viewed(view) => self.view = view,
            Input::Hold(held) => self.held = held,
            Input::Leave if self.state == State::Leaving => {}
            Input::Leave => self.become_(State::Leaving, Reason::Leaving, now.mono),
            Input::Return if self.state != State::Leaving => {}
            Input::Return => {
                self.good_in_a_row = 0;
                self.become_(State::Starting, Reason::Starting, now.mono);
            }
        }
        self.decide(now.mono);
    }

    fn wake(&mut self, now: Now) {
        self.decide(now.mono);
    }

    fn next_wake(&self) -> Option<Mono> {
        None
    }

    fn poll(&mut self) -> Option<Plan> {
        self.out.take()
    }
}

impl Controller {
    /// Why it stands where it stands, and what would change that, a sentence each.
    #[must_use]
    pub fn explain(&self, now: Mono) -> Vec<String> {
        let mut lines = vec![format!("The node is {}.", self.state)];
        if let Some(trouble) = &self.trouble {
            let bad = self.bad_in_a_row;
            lines.push(format!("Its last {bad} checks failed: {trouble}."));
        }
        if let Some(veto) = self.vetoed {
            lines.push(format!("It would withdraw, but {veto}."));
        }
        let (good, rise) = (self.good_in_a_row, self.spec.rise);
        let next = match self.state {
            _ if self.held => "An operator holds everything as it is: `tidegate steer release` lets checks decide again.".to_owned(),
            State::Announced => {
                format!("{} bad checks in a row would withdraw it, if another node is announced and fit.", self.spec.fall)
            }
            State::Starting => format!("{rise} good checks in a row announce it; it has {good}."),
            State::Withdrawn => {
                let left = self.spec.dwell.get().saturating_sub(now.since(self.since));
                format!("After {:.1} s more, {rise} good checks in a row announce it; it has {good}.", left.as_secs_f64())
            }
            State::Leaving => "`tidegate undrain` brings it back, unless it is being stopped.".to_owned(),
        };
        lines.push(next);
        lines
    }
}

#[cfg(test)]
mod tests;
