//! Why a node is announced or not, and what would change that, in sentences.

use tidegate_model::Mono;

use super::{Controller, Drain, State};

impl Controller {
    /// Why it stands where it stands, and what would change that, a sentence each.
    #[must_use]
    pub fn explain(&self, now: Mono) -> Vec<String> {
        let mut lines = vec![format!("The node is {}.", self.state())];
        if self.standing.reduced {
            lines.push(self.why_second(now));
        }
        if let Some(trouble) = &self.checks.trouble {
            let bad = self.checks.bad_in_a_row;
            lines.push(format!("Its last {bad} checks failed: {trouble}."));
        }
        if self.drain != Drain::No && self.state() != State::Leaving {
            lines.push("An operator drains it.".to_owned());
        }
        if let Some(veto) = &self.vetoed {
            lines.push(format!("It would withdraw, but {veto}."));
        }
        lines.push(self.what_next(now));
        lines
    }

    fn why_second(&self, now: Mono) -> String {
        let left = self.spec.ramp.get();
        let left = left.saturating_sub(now.since(self.standing.since));
        let needed = self.spec.rise.saturating_sub(self.checks.good_in_a_row);
        let penalty = self.penalty.lasts(self.spec.penalty_half_life.get(), now);
        let left = left.max(penalty).as_secs_f64();
        format!(
            "It is the second choice for {left:.1} s more at least, and until {needed} more checks are good: coming back is \
             slower than leaving."
        )
    }

    fn what_next(&self, now: Mono) -> String {
        let (good, needed) = (self.checks.good_in_a_row, self.needed(now));
        match self.state() {
            _ if self.held => "An operator holds everything as it is: `tidegate steer release` lets checks decide again.".to_owned(),
            _ if self.spec.freeze => "`steer.freeze` in world.yaml holds the whole world as it is.".to_owned(),
            State::Announced => format!(
                "{} bad checks in a row would withdraw it, if another node is announced and fit; if it still serves something, \
                 also only with room elsewhere and the permit of most regions.",
                self.spec.fall
            ),
            State::Starting => format!("{needed} good checks in a row announce it; it has {good}."),
            State::Withdrawn => {
                let waits = self.waits(now).map(|waits| format!("It {waits}. Then ")).unwrap_or_default();
                format!("{waits}{needed} good checks in a row announce it; it has {good}.")
            }
            State::Leaving => "`tidegate undrain` brings it back, unless it is being stopped.".to_owned(),
        }
    }
}
