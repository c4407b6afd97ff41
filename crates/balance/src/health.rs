//! Whether one endpoint is fit, judged by answers in a row.

use crate::HealthSpec;

/// Fit until proven otherwise: a node that has just started serves at once.
#[derive(Clone, Debug)]
pub struct Health {
    rise: u32,
    fall: u32,
    fit: bool,
    /// Answers in a row that speak against the present state.
    against: u32,
}

/// A change of mind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Use it again.
    Fit,
    /// Stop using it.
    Unfit,
}

impl Health {
    /// A fit endpoint.
    #[must_use]
    pub const fn new(spec: &HealthSpec) -> Self {
        Self {
            rise: spec.rise,
            fall: spec.fall,
            fit: true,
            against: 0,
        }
    }

    /// Whether it should be used.
    #[must_use]
    pub const fn is_fit(&self) -> bool {
        self.fit
    }

    /// Takes in one answer to a probe.
    pub fn observe(&mut self, good: bool) -> Option<Turn> {
        if good == self.fit {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed = if self.fit { self.fall } else { self.rise };
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.fit = good;
        Some(if good { Turn::Fit } else { Turn::Unfit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_in_a_row_count() {
        let mut health = Health::new(&HealthSpec {
            rise: 2,
            fall: 3,
            ..HealthSpec::default()
        });
        let mut feed = |answers: &str| {
            answers
                .chars()
                .map(|c| health.observe(c == '+'))
                .collect::<Vec<_>>()
        };
        assert_eq!(feed("--+--"), [None; 5]);
        assert_eq!(feed("-"), [Some(Turn::Unfit)]);
        assert_eq!(feed("-+-"), [None; 3]);
        assert_eq!(feed("++"), [None, Some(Turn::Fit)]);
    }
}
