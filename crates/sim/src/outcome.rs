//! How a run went.

use std::fmt;
use std::time::Duration;

use tidegate_model::Seed;

use crate::Finding;

/// How a run went.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The seed that repeats it.
    pub seed: Seed,
    /// A digest of everything that happened, in order.
    pub trace: u64,
    /// Events played, requests beside.
    pub events: u64,
    /// Requests that somebody answered, and that nobody did.
    pub requests: (u64, u64),
    /// Of those that were answered: well, refused by a limit, refused for their key.
    pub fates: (u64, u64, u64),
    /// The worst window of any key, as parts of the limit: admitted beyond it, and short of what
    /// should have been.
    pub over_under: (f64, f64),
    /// Requests refused in windows whose whole demand was within the limit.
    pub false_refusals: u64,
    /// The longest time that clients of one network found nobody to answer.
    pub outage: Duration,
    /// The longest time after the last fault before it that a request failed.
    pub last_bad: Duration,
    /// The longest time that a revoked key was let through.
    pub revocation: Duration,
    /// Sessions of clients that changes of routes broke.
    pub broken_sessions: u64,
    /// Bytes sent between regions and within them.
    pub bytes: (u64, u64),
    /// What did not hold.
    pub broken: Vec<Finding>,
}

impl Outcome {
    /// Requests that somebody answered, as a part of all; 1 of none.
    #[must_use]
    pub fn availability(&self) -> f64 {
        let (answered, not) = self.requests;
        match answered + not {
            0 => 1.0,
            all => answered as f64 / all as f64,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (over, under) = self.over_under;
        writeln!(
            f,
            "  {} events, {} requests answered, {} not ({:.4} % answered); worst window {:+.2} % over, {:.2} % under; \
             {} refused wrongly",
            self.events,
            self.requests.0,
            self.requests.1,
            self.availability() * 100.0,
            over * 100.0,
            under * 100.0,
            self.false_refusals,
        )?;
        let (good, limited, refused) = self.fates;
        writeln!(
            f,
            "  {good} good, {limited} limited, {refused} refused for their key; last bad {} ms after a fault; revoked within {} ms",
            self.last_bad.as_millis(),
            self.revocation.as_millis(),
        )?;
        let (world, local) = self.bytes;
        writeln!(
            f,
            "  longest outage {} ms; {} sessions broken; {} KiB between regions, {} KiB within; trace {:016x}",
            self.outage.as_millis(),
            self.broken_sessions,
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
