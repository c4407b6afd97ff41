//! When clients ask.

use std::time::Duration;

use rand::RngExt;
use tidegate_model::{Mono, Rng, Seed};

use crate::plan::Client;

/// One stream of requests, as it runs.
pub(crate) struct Stream {
    per_second: f64,
    burst_left: u32,
    start: Mono,
    stop: Mono,
    rng: Rng,
    /// Counts up with each request, to spread them.
    pub(crate) turn: usize,
}

impl Stream {
    pub(crate) fn new(client: &Client, number: usize, end: Mono, seed: Seed) -> Self {
        let at = |period: Option<tidegate_model::Period>| period.map(|p| Mono::ZERO + p.get());
        Self {
            per_second: client.per_second,
            // The first request of a burst is the one that starts it.
            burst_left: client.burst.saturating_sub(1),
            start: at(client.start).unwrap_or(Mono::ZERO),
            stop: at(client.stop).unwrap_or(end).min(end),
            rng: seed.child(&format!("client {number}")).rng(),
            turn: 0,
        }
    }

    /// When the request after `now` comes; `None` if there is none.
    pub(crate) fn next(&mut self, now: Mono) -> Option<Mono> {
        if now < self.start {
            return Some(self.start).filter(|at| *at < self.stop);
        }
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return Some(now);
        }
        if self.per_second <= 0.0 {
            return None;
        }
        // Poisson: waiting times are exponential. The argument of ln is above zero.
        let wait = -self.rng.random_range(f64::EPSILON..1.0).ln() / self.per_second;
        Some(now + Duration::from_secs_f64(wait)).filter(|at| *at < self.stop)
    }
}
