//! How fast things went between two moments: differences of what `/metrics` tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_model::Mono;
use tidegate_telemetry::{Format, Scrape, catalog};

use crate::admin::gather;
use crate::services::Services;

/// One moment's counters.
#[derive(Debug)]
pub(super) struct Sample {
    at: Mono,
    scrape: Scrape,
}

/// What went on a second, on this node alone.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// Over so many milliseconds.
    pub(crate) over_ms: u64,
    pub(crate) routes: Vec<RouteRates>,
    pub(crate) limits: Vec<LimitRates>,
    pub(crate) upstreams: Vec<PoolRates>,
    pub(crate) doors: Vec<DoorRates>,
    /// Refusals by reason, those that happened.
    pub(crate) refused: BTreeMap<String, f64>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RouteRates {
    pub(crate) route: String,
    pub(crate) requests_per_s: f64,
    /// Answers of 4xx and of 5xx.
    pub(crate) refused_per_s: f64,
    pub(crate) failed_per_s: f64,
    pub(crate) forwarded_per_s: f64,
    /// Upper bounds of the histogram's ranges; absent without requests.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LimitRates {
    pub(crate) limit: String,
    pub(crate) admitted_per_s: f64,
    pub(crate) refused_per_s: f64,
    /// Since the node's start: windows in which more was asked for than allowed, what was allowed
    /// in them and what was admitted beyond that, in the whole world as this node knows it.
    pub(crate) windows: f64,
    pub(crate) allowed: f64,
    pub(crate) over: f64,
    /// What the method says is usual.
    pub(crate) expected: f64,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PoolRates {
    pub(crate) upstream: String,
    pub(crate) failures_per_s: f64,
    pub(crate) connected_per_s: f64,
    /// Endpoints and whether they are fit.
    pub(crate) endpoints: BTreeMap<String, bool>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DoorRates {
    pub(crate) door: String,
    pub(crate) accepted_per_s: f64,
    pub(crate) open: f64,
    pub(crate) max: f64,
}

type Sums = BTreeMap<String, f64>;

impl Sample {
    pub(super) async fn take(services: &Services) -> Self {
        Self {
            at: services.clock.mono(),
            scrape: gather(services, Format::Text).await,
        }
    }

    /// What happened since an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Rates {
        let span = self.at.since(before.at);
        let change = Change {
            before: &before.scrape,
            now: &self.scrape,
            secs: span.as_secs_f64().max(0.001),
        };
        Rates {
            over_ms: span.as_millis() as u64,
            routes: change.routes(),
            limits: change.limits(),
            upstreams: change.upstreams(),
            doors: change.doors(),
            refused: change
                .per_s(&catalog::REFUSED, 0, |_| true)
                .into_iter()
                .filter(|(_, rate)| *rate > 0.0)
                .collect(),
        }
    }
}

struct Change<'a> {
    before: &'a Scrape,
    now: &'a Scrape,
    secs: f64,
}

impl Change<'_> {
    /// A counter's rate by one of its labels, of the series that count.
    fn per_s(
        &self,
        def: &tidegate_telemetry::Def,
        label: usize,
        counts: impl Fn(&[&str]) -> bool + Copy,
    ) -> Sums {
        let before = sums(self.before, def, label, counts);
        let mut rates = sums(self.now, def, label, counts);
        for (name, value) in &mut rates {
            let then = before.get(name).copied().unwrap_or(0.0);
            *value = (*value - then).max(0.0) / self.secs;
        }
        rates
    }

    fn routes(&self) -> Vec<RouteRates> {
        let class = |wanted: &'static str| move |labels: &[&str]| labels[1] == wanted;
        let all = self.per_s(&catalog::REQUESTS, 0, |_| true);
        let refused = self.per_s(&catalog::REQUESTS, 0, class("4xx"));
        let failed = self.per_s(&catalog::REQUESTS, 0, class("5xx"));
        let forwarded = self.per_s(&catalog::FORWARDED, 0, |_| true);
        let of = |sums: &Sums, name: &str| sums.get(name).copied().unwrap_or(0.0);
        all.iter()
            .map(|(route, rate)| {
                let buckets = self.buckets(route);
                RouteRates {
                    route: route.clone(),
                    requests_per_s: *rate,
                    refused_per_s: of(&refused, route),
                    failed_per_s: of(&failed, route),
                    forwarded_per_s: of(&forwarded, route),
                    p50_ms: quantile(&buckets, 0.5),
                    p99_ms: quantile(&buckets, 0.99),
                }
            })
            .collect()
    }

    /// How many answers of a route fell into each range, by its upper bound in milliseconds.
    fn buckets(&self, route: &str) -> Vec<(f64, u64)> {
        let of = |scrape: &Scrape| scrape.buckets(&catalog::REQUEST_SECONDS, &[route]);
        let before = of(self.before);
        let then = |at: usize| before.get(at).map_or(0, |(_, n)| *n);
        let now = of(self.now).into_iter().enumerate();
        now.map(|(at, (bound, n))| (bound * 1e3, n.saturating_sub(then(at))))
            .collect()
    }

    fn limits(&self) -> Vec<LimitRates> {
        let admitted = self.per_s(&catalog::LIMIT_ADMITTED, 0, |_| true);
        let refused = self.per_s(&catalog::LIMIT_REFUSED, 0, |_| true);
        let judged = |def, limit: &str| {
            let all = sums(self.now, def, 0, |_| true);
            all.get(limit).copied().unwrap_or(0.0)
        };
        let limit = |(name, rate): (String, f64)| LimitRates {
            admitted_per_s: rate,
            refused_per_s: refused.get(&name).copied().unwrap_or(0.0),
            windows: judged(&catalog::LIMIT_JUDGED_WINDOWS, &name),
            allowed: judged(&catalog::LIMIT_JUDGED_ALLOWED, &name),
            over: judged(&catalog::LIMIT_JUDGED_OVER, &name),
            expected: judged(&catalog::LIMIT_JUDGED_EXPECTED, &name),
            limit: name,
        };
        admitted.into_iter().map(limit).collect()
    }

    fn upstreams(&self) -> Vec<PoolRates> {
        let failures = self.per_s(&catalog::UPSTREAM_FAILURES, 0, |_| true);
        let connected = self.per_s(&catalog::UPSTREAM_CONNECTIONS, 0, |_| true);
        let mut endpoints: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
        for (labels, fit) in self.now.values(&catalog::UPSTREAM_FIT) {
            let of_pool = endpoints.entry(labels[0].to_owned()).or_default();
            of_pool.insert(labels[1].to_owned(), fit > 0.0);
        }
        let pool = |(upstream, endpoints): (String, _)| PoolRates {
            failures_per_s: failures.get(&upstream).copied().unwrap_or(0.0),
            connected_per_s: connected.get(&upstream).copied().unwrap_or(0.0),
            endpoints,
            upstream,
        };
        endpoints.into_iter().map(pool).collect()
    }

    fn doors(&self) -> Vec<DoorRates> {
        let open = sums(self.now, &catalog::CONNECTIONS_OPEN, 0, |_| true);
        let max = sums(self.now, &catalog::CONNECTIONS_MAX, 0, |_| true);
        let accepted = self.per_s(&catalog::CONNECTIONS, 0, |_| true);
        let door = |(door, rate): (String, f64)| DoorRates {
            accepted_per_s: rate,
            open: open.get(&door).copied().unwrap_or(0.0),
            max: max.get(&door).copied().unwrap_or(0.0),
            door,
        };
        accepted.into_iter().map(door).collect()
    }
}

/// A metric's series added up by one of their labels.
fn sums(
    scrape: &Scrape,
    def: &tidegate_telemetry::Def,
    label: usize,
    counts: impl Fn(&[&str]) -> bool,
) -> Sums {
    let mut sums = Sums::new();
    for (labels, value) in scrape.values(def) {
        if counts(&labels) {
            *sums.entry(labels[label].to_owned()).or_default() += value;
        }
    }
    sums
}

/// The upper bound of the range that a part of all values stays within; of the last range, which
/// has none, its lower bound.
fn quantile(buckets: &[(f64, u64)], part: f64) -> Option<f64> {
    let all: u64 = buckets.iter().map(|(_, n)| n).sum();
    if all == 0 {
        return None;
    }
    let wanted = (all as f64 * part).ceil().max(1.0) as u64;
    let (mut below, mut last) = (0, 0.0);
    for (bound, n) in buckets {
        below += n;
        if bound.is_finite() {
            last = *bound;
        }
        if below >= wanted {
            break;
        }
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_telemetry::Durations;

    use super::*;

    fn sample(at: u64, answered: u64, slow: u64) -> Sample {
        let mut scrape = Scrape::default();
        scrape.counter(&catalog::REQUESTS, &["a", "2xx"], answered);
        scrape.counter(&catalog::REQUESTS, &["a", "5xx"], slow);
        let took = Durations::default();
        for (times, ms) in [(answered, 1), (slow, 500)] {
            (0..times).for_each(|_| took.record(Duration::from_millis(ms)));
        }
        scrape.durations(&catalog::REQUEST_SECONDS, &["a"], &took);
        scrape.counter(&catalog::LIMIT_ADMITTED, &["l"], answered);
        scrape.gauge(&catalog::UPSTREAM_FIT, &["u", "10.0.0.1:80"], 0.0);
        let at = Mono::ZERO + Duration::from_secs(at);
        Sample { at, scrape }
    }

    #[test]
    fn rates_are_differences_of_counters() {
        let rates = sample(4, 300, 4).since(&sample(2, 100, 0));
        let route = &rates.routes[0];
        assert_eq!((route.requests_per_s, route.failed_per_s), (102.0, 2.0));
        assert_eq!((route.p50_ms, route.p99_ms), (Some(1.0), Some(500.0)));
        assert_eq!(rates.limits[0].admitted_per_s, 100.0);
        assert_eq!(
            rates.upstreams[0].endpoints,
            BTreeMap::from([("10.0.0.1:80".to_owned(), false)])
        );
        let still = sample(4, 300, 4).since(&sample(2, 300, 4));
        assert_eq!(
            (still.routes[0].requests_per_s, still.routes[0].p99_ms),
            (0.0, None)
        );
    }

    #[test]
    fn ranges_without_an_end_count_as_their_beginning() {
        assert_eq!(quantile(&[(1.0, 1), (f64::INFINITY, 9)], 0.99), Some(1.0));
        assert_eq!(quantile(&[(1.0, 0)], 0.5), None);
    }
}
