//! How a run went.

use std::fmt;
use std::time::Duration;

use tidegate_model::Seed;

use crate::Finding;

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed that repeats it.
    pub seed: Seed,
    /// A digest of everything that happened, in order.
    pub trace: u64,
    /// Events played.
    pub events: u64,
    /// Requests that somebody answered, and that nobody did.
    pub requests: (u64, u64),
    /// The worst window of any key, as parts of the limit: admitted beyond it, and short of what
    /// should have been.
    pub over_under: (f64, f64),
    /// Requests refused in windows whose whole demand was within the limit.
    pub false_refusals: u64,
    /// The longest time that clients of one place found nobody to answer.
    pub outage: Duration,
    /// Bytes sent between regions and within them.
    pub bytes: (u64, u64),
    /// What did not hold.
    pub broken: Vec<Finding>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (over, under) = self.over_under;
        writeln!(
            f,
            "  {} events, {} requests answered, {} not; worst window {:+.2} % over, {:.2} % under; {} refused wrongly",
            self.events,
            self.requests.0,
            self.requests.1,
            over * 100.0,
            under * 100.0,
            self.false_refusals,
        )?;
        let (world, local) = self.bytes;
        writeln!(
            f,
            "  longest outage {} ms; {} KiB between regions, {} KiB within; trace {:016x}",
            self.outage.as_millis(),
            world / 1_024,
            local / 1_024,
            self.trace,
        )?;
        for finding in &self.broken {
            writeln!(f, "  BROKEN {finding}")?;
        }
        Ok(())
    }
}
