//! What the specs of several methods share: defaults, and how what cannot be meant is listed.

use tidegate_model::Period;

/// Answers that are remembered.
pub(crate) const fn cache_max() -> usize {
    65_536
}

/// Questions to others that are under way.
pub(crate) const fn in_flight_max() -> usize {
    256
}

pub(crate) const fn no_time() -> Period {
    Period::from_secs(0)
}

/// What cannot be meant, each with a way out.
#[derive(Default)]
pub(crate) struct Contradictions(pub(crate) Vec<(String, &'static str)>);

impl Contradictions {
    /// Lists it if it is so.
    pub(crate) fn note(&mut self, wrong: bool, what: &str, hint: &'static str) {
        if wrong {
            self.0.push((what.to_owned(), hint));
        }
    }
}
