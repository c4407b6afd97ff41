use tidegate_model::Wall;

use super::*;
use crate::Format;
use crate::durations::Exemplar;

fn scraped(metrics: &Metrics, format: Format) -> String {
    let mut scrape = Scrape::new(format);
    metrics.scrape(&mut scrape);
    String::from_utf8(scrape.finish()).unwrap()
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|l| l == *line), "{line}\n{text}");
    }
}

#[test]
fn what_cores_count_is_summed_and_exposed() {
    let metrics = Metrics::new(2, &["no-route", "other"]);
    let route = metrics.route("orders");
    route.of(0).answered(200, Duration::from_micros(300));
    route.of(1).answered(503, Duration::from_secs(60));
    route.of(1).exemplify(Exemplar {
        trace: 0xabc,
        took: Duration::from_secs(60),
        at: Wall::from_unix_secs(1_795_357_987),
    });
    metrics.route("orders").of(1).forwarded.add(1);
    metrics.refusals.count(0, "no-route");
    metrics.refusals.count(1, "never heard of");
    assert_eq!(metrics.totals(), (2, 1));
    let common = [
        "tidegate_requests_total{route=\"orders\",status=\"2xx\"} 1",
        "tidegate_requests_total{route=\"orders\",status=\"5xx\"} 1",
        "tidegate_request_seconds_bucket{le=\"0.0005\",route=\"orders\"} 1",
        "tidegate_request_seconds_count{route=\"orders\"} 2",
        "tidegate_refused_total{reason=\"no-route\"} 1",
        "tidegate_refused_total{reason=\"other\"} 1",
        "# TYPE tidegate_request_seconds histogram",
    ];
    let text = scraped(&metrics, Format::OpenMetrics);
    has(&text, &common);
    has(
        &text,
        &[
            "tidegate_request_seconds_bucket{le=\"+Inf\",route=\"orders\"} 2 \
             # {trace_id=\"00000000000000000000000000000abc\"} 60 1795357987",
            "# UNIT tidegate_request_seconds seconds",
            "# TYPE tidegate_requests counter",
            "# EOF",
        ],
    );
    let text = scraped(&metrics, Format::Text);
    has(&text, &common);
    let plain = "tidegate_request_seconds_bucket{le=\"+Inf\",route=\"orders\"} 2";
    has(&text, &[plain, "# TYPE tidegate_requests_total counter"]);
    assert!(!text.contains("# EOF"));
}

#[test]
fn names_beyond_the_bound_are_counted_together() {
    let metrics = Metrics::new(1, &["other"]);
    for n in 0..70 {
        metrics.door(&format!("door-{n:02}")).accepted.add(1);
    }
    let text = scraped(&metrics, Format::OpenMetrics);
    let doors = text
        .lines()
        .filter(|line| line.starts_with("tidegate_connections_total{"));
    assert_eq!(doors.count(), catalog::values_max("door"));
    has(
        &text,
        &[
            "tidegate_connections_total{door=\"door-62\"} 1",
            "tidegate_connections_total{door=\"_other\"} 7",
            "tidegate_series_overflowed_total{label=\"door\"} 7",
            "tidegate_scrape_series_dropped 0.0",
        ],
    );
}

#[test]
fn what_is_open_is_what_was_made_and_is_not_over() {
    let metrics = Metrics::new(1, &["other"]);
    let pool = metrics.pool("orders");
    let first = Counted::connection(Arc::clone(&pool), 0);
    let _second = Counted::connection(Arc::clone(&pool), 0);
    let _request = Counted::request(Arc::clone(&pool), 0);
    drop(first);
    has(
        &scraped(&metrics, Format::Text),
        &[
            "tidegate_upstream_connections_total{upstream=\"orders\"} 2",
            "tidegate_upstream_connections_open{upstream=\"orders\"} 1.0",
            "tidegate_upstream_in_flight{upstream=\"orders\"} 1.0",
        ],
    );
}

/// CPU time of this thread, of which other tests do not take any.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = stat.split_whitespace().next().unwrap();
    Duration::from_nanos(nanos.parse().unwrap())
}

#[test]
fn ten_thousand_routes_are_scraped_in_no_time() {
    let metrics = Metrics::new(2, &["other"]);
    for n in 0..9_999 {
        let route = metrics.route(&format!("route-{n:05}"));
        route.of(0).answered(200, Duration::from_millis(n % 50));
        route.of(1).answered(404, Duration::from_micros(n));
    }
    for format in [Format::OpenMetrics, Format::Text, Format::Protobuf] {
        let mut best = Duration::MAX;
        let mut size = 0;
        for _ in 0..3 {
            let before = cpu();
            let mut scrape = Scrape::new(format);
            metrics.scrape(&mut scrape);
            size = scrape.finish().len();
            best = best.min(cpu() - before);
        }
        println!("{format:?}: {best:?} for {size} bytes");
        // 50 ms are promised of released builds. This one may be unoptimised, on a busy machine.
        assert!(best < Duration::from_millis(1_500), "{format:?}: {best:?}");
        assert!(size > 1_000_000);
    }
}
