//! How far off a counter was.

use crate::tally::Demand;

/// One window's error.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Error {
    /// Admitted beyond what is right, as a part of the limit.
    pub over: f64,
    /// Admitted short of it, as a part of what is right.
    pub under: f64,
    /// Requests refused although nobody had to be in this window.
    pub refused_wrongly: u64,
}

impl Error {
    pub(super) fn of(counted: Demand, right: Demand, allowed: u64, amount: u32) -> Self {
        let over = counted.admitted.saturating_sub(allowed);
        let under = right.admitted.saturating_sub(counted.admitted);
        let nobody = right.admitted == right.offered;
        Self {
            over: over as f64 / f64::from(amount),
            under: under as f64 / right.admitted.max(1) as f64,
            refused_wrongly: if nobody { under } else { 0 },
        }
    }
}

/// Errors of many windows.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Summary {
    /// On average over windows.
    pub over_mean: f64,
    /// Of the worst window.
    pub over_max: f64,
    /// On average over windows.
    pub under_mean: f64,
    /// In all windows together.
    pub refused_wrongly: u64,
    /// How many windows.
    pub windows: usize,
}

impl Summary {
    /// The errors of these windows.
    #[must_use]
    pub fn of(errors: &[Error]) -> Self {
        let mean = |part: fn(&Error) -> f64| {
            errors.iter().map(part).sum::<f64>() / errors.len().max(1) as f64
        };
        Self {
            over_mean: mean(|error| error.over),
            over_max: errors.iter().map(|error| error.over).fold(0.0, f64::max),
            under_mean: mean(|error| error.under),
            refused_wrongly: errors.iter().map(|error| error.refused_wrongly).sum(),
            windows: errors.len(),
        }
    }
}
