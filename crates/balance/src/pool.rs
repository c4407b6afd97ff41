//! The endpoints of one service in this region.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tidegate_model::RegionId;

use crate::{EndpointName, Fallback, PoolSpec};

/// One endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it is.
    pub name: EndpointName,
    /// The same as text, for logs: made once, not for each request.
    pub label: Arc<str>,
    fit: AtomicBool,
}

impl Endpoint {
    /// Whether it should be used.
    pub fn is_fit(&self) -> bool {
        self.fit.load(Relaxed)
    }

    /// Takes it out or puts it back; the prober does so.
    pub fn set_fit(&self, fit: bool) {
        self.fit.store(fit, Relaxed);
    }
}

/// The endpoints of one service in this region.
#[derive(Debug)]
pub struct Pool {
    /// The service's name in the configuration.
    pub name: String,
    /// How it is treated.
    pub spec: PoolSpec,
    /// Its endpoints, at least one.
    pub endpoints: Vec<Endpoint>,
    /// Other regions that serve when none is left, if the operator wants it.
    pub fallback: Option<Fallback>,
}

impl Pool {
    /// A pool in which all endpoints are fit.
    #[must_use]
    pub fn new(name: &str, spec: PoolSpec, endpoints: Vec<EndpointName>) -> Self {
        let endpoint = |name: EndpointName| Endpoint {
            label: name.to_string().into(),
            name,
            fit: AtomicBool::new(true),
        };
        Self {
            name: name.to_owned(),
            spec,
            endpoints: endpoints.into_iter().map(endpoint).collect(),
            fallback: None,
        }
    }

    /// The same, with other regions to pass on to, the nearest first, if its spec says so.
    #[must_use]
    pub fn with_regions(mut self, regions: impl IntoIterator<Item = RegionId>) -> Self {
        self.fallback = self.spec.fallback.map(|spec| Fallback::new(spec, regions));
        self
    }

    /// The first fit endpoint from `turn` on that is not among those `tried` already. `turn` counts
    /// up by one a request, on each core for itself.
    #[must_use]
    pub fn pick(&self, turn: usize, tried: &[usize]) -> Option<usize> {
        let count = self.endpoints.len();
        (0..count)
            .map(|step| turn.wrapping_add(step) % count)
            .find(|at| self.endpoints[*at].is_fit() && !tried.contains(at))
    }

    /// How many endpoints are fit.
    #[must_use]
    pub fn fit(&self) -> usize {
        self.endpoints
            .iter()
            .filter(|endpoint| endpoint.is_fit())
            .count()
    }

    /// Takes over from an earlier generation what is known of endpoints that both have.
    pub fn inherit(&self, earlier: &Self) {
        for endpoint in &self.endpoints {
            if let Some(known) = earlier
                .endpoints
                .iter()
                .find(|known| known.name == endpoint.name)
            {
                endpoint.set_fit(known.is_fit());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(n: usize) -> Pool {
        let endpoints = (0..n)
            .map(|i| format!("10.0.0.{i}:80").parse().unwrap())
            .collect();
        Pool::new("orders", PoolSpec::default(), endpoints)
    }

    #[test]
    fn endpoints_take_turns_and_the_unfit_are_skipped() {
        let pool = pool(3);
        let turns = |pool: &Pool| {
            (0..6)
                .map(|turn| pool.pick(turn, &[]).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(turns(&pool), [0, 1, 2, 0, 1, 2]);
        pool.endpoints[1].set_fit(false);
        assert_eq!(turns(&pool), [0, 2, 2, 0, 2, 2]);
        assert_eq!(pool.pick(0, &[0]), Some(2), "not the one that just failed");
        assert_eq!(pool.pick(0, &[0, 2]), None);
    }

    #[test]
    fn a_new_generation_knows_what_the_old_one_knew() {
        let (old, new) = (pool(2), pool(3));
        old.endpoints[1].set_fit(false);
        new.inherit(&old);
        assert_eq!(
            new.endpoints
                .iter()
                .map(Endpoint::is_fit)
                .collect::<Vec<_>>(),
            [true, false, true]
        );
    }
}
