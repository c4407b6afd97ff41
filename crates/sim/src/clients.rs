//! When clients ask, and for which key.

use std::time::Duration;

use rand::RngExt;
use tidegate_model::{Mono, Rng, Seed};

use crate::plan::{Client, Diurnal};

/// One stream of requests, as it runs.
pub(crate) struct Stream {
    /// From one request to the next on average, in nanoseconds; none come by themselves if `None`.
    gap_ns: Option<f64>,
    burst_left: u32,
    stop: Mono,
    rng: Rng,
    /// Counts up with each request, to spread them.
    pub(crate) turn: usize,
    /// When the next request comes; `None` if none does.
    pub(crate) next: Option<Mono>,
    first_key: u32,
    keys: f64,
    /// (N + 1)^(1 - s) - 1 and 1 / (1 - s), or ln(N + 1) if s is 1.
    law: Law,
}

#[derive(Clone, Copy)]
enum Law {
    OneKey,
    Logarithm(f64),
    Power { span: f64, inverse: f64 },
}

impl Law {
    /// Zipf's law, as the continuous law that it comes close to.
    fn new(keys: u32, s: f64) -> Self {
        let ends = f64::from(keys) + 1.0;
        if keys == 1 {
            Self::OneKey
        } else if (s - 1.0).abs() < 1e-9 {
            Self::Logarithm(libm::log(ends))
        } else {
            Self::Power {
                span: libm::exp((1.0 - s) * libm::log(ends)) - 1.0,
                inverse: 1.0 / (1.0 - s),
            }
        }
    }

    /// The rank, from one on, of a number from 0 to 1.
    fn rank(self, u: f64) -> f64 {
        match self {
            Self::OneKey => 1.0,
            Self::Logarithm(ends) => libm::exp(u * ends),
            Self::Power { span, inverse } => libm::exp(libm::log(u * span + 1.0) * inverse),
        }
    }
}

impl Stream {
    /// The stream `number`, whose first key has this number.
    pub(crate) fn new(
        client: &Client,
        number: usize,
        first_key: u32,
        end: Mono,
        seed: Seed,
    ) -> Self {
        let at = |period: Option<tidegate_model::Period>| period.map(|p| Mono::ZERO + p.get());
        let start = at(client.start).unwrap_or(Mono::ZERO);
        let stop = at(client.stop).unwrap_or(end).min(end);
        let mut stream = Self {
            gap_ns: (client.per_second > 0.0).then(|| 1e9 / client.per_second),
            burst_left: client.burst,
            stop,
            rng: seed.child(&format!("client {number}")).rng(),
            turn: 0,
            next: Some(start),
            first_key,
            keys: f64::from(client.keys),
            law: Law::new(client.keys, client.zipf),
        };
        if client.burst == 0 {
            stream.step();
        } else {
            stream.burst_left -= 1;
        }
        stream
    }

    /// Goes on to the request after the next one.
    pub(crate) fn step(&mut self) {
        let Some(now) = self.next else { return };
        self.next = if self.burst_left > 0 {
            self.burst_left -= 1;
            Some(now)
        } else {
            self.gap_ns.map(|gap| {
                // Poisson: waiting times are exponential. The argument of ln is above zero.
                let wait = -libm::log(self.rng.random_range(f64::EPSILON..1.0)) * gap;
                now + Duration::from_nanos(wait as u64)
            })
        };
        self.next = self.next.filter(|at| *at < self.stop);
    }

    /// The number of the key of a request.
    pub(crate) fn key(&mut self) -> u32 {
        if matches!(self.law, Law::OneKey) {
            return self.first_key;
        }
        let rank = self.law.rank(self.rng.random_range(0.0..1.0));
        self.first_key + (rank.min(self.keys) as u32).saturating_sub(1)
    }

    /// Whether a request comes at all, at this time of the day of a place `east` of Greenwich, as
    /// a part of the way round.
    pub(crate) fn awake(&mut self, day: Diurnal, east: f64, now: Mono) -> bool {
        let length = day.day.get().as_nanos().max(1) as u64;
        let at = (now.as_nanos() % length) as f64 / length as f64 + east;
        let at = at - at.floor();
        // From midnight to noon and back, with gentle ends.
        let noon = 1.0 - (2.0 * at - 1.0).abs();
        let light = noon * noon * (3.0 - 2.0 * noon);
        let part = day.night + (1.0 - day.night) * light;
        self.rng.random_range(0.0..1.0) < part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_zipfs_law() {
        for s in [0.0, 0.8, 1.0, 1.3] {
            let law = Law::new(1_000, s);
            let mut firsts = 0;
            let n = 100_000;
            for i in 0..n {
                let rank = law.rank((f64::from(i) + 0.5) / f64::from(n));
                assert!((1.0..=1_001.5).contains(&rank), "{s}: {rank}");
                firsts += u32::from(rank < 2.0);
            }
            // The first of all: the integral from 1 to 2 over the whole.
            let whole = if s == 1.0 {
                2_f64.ln() / 1_001_f64.ln()
            } else {
                (2_f64.powf(1.0 - s) - 1.0) / (1_001_f64.powf(1.0 - s) - 1.0)
            };
            let seen = f64::from(firsts) / f64::from(n);
            assert!((seen - whole).abs() < 0.001, "{s}: {seen} {whole}");
        }
    }
}
