//! Who telemetry goes to is known by its certificate.

use std::path::Path;

use harness::{Node, certificate};

use super::collector::Collector;
use super::{get, node, told};

/// A node that tells a collector of all traces, and the same machine of all requests.
async fn telling(collector: &Collector, url: &str, protocol: &str, ca: &Path) -> Node {
    let (lines, ca) = (&collector.http, ca.display());
    node(&format!(
        "traces:\n  to: {{ otlp: {{ url: '{url}', protocol: {protocol}, gzip: true, ca_file: {ca}, timeout: 2s, attempts_max: 1 }} }}\n  \
         sample: {{ ratio: 1 }}\n  flush_interval: 50ms\n\
         logs:\n  more:\n    to: {{ http: {{ url: '{lines}/lines', ca_file: {ca}, timeout: 2s, attempts_max: 1 }} }}\n    batch: {{ age_max: 50ms }}\n"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_and_servers_of_logs_are_known_by_their_certificates() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = certificate(folder.path(), "good");
    let (other, _) = certificate(folder.path(), "other");
    let collector = Collector::with_tls(&good);
    for (url, protocol, encoding) in [
        (&collector.http, "http", "gzip".into()),
        // Its server does not tell.
        (&collector.grpc, "grpc", serde_json::Value::Null),
    ] {
        let trusting = telling(&collector, url, protocol, &good.0).await;
        let trace = told(&get(&trusting, "/open/x", &[]).await);
        let spans = collector.has(&trace, |spans| !spans.is_empty()).await;
        assert_eq!(
            (&spans[0]["by"], &spans[0]["encoding"]),
            (&protocol.into(), &encoding)
        );
        let is_line = |line: &serde_json::Value| line["line"]["trace_id"] == *trace;
        collector
            .has("lines", |lines| lines.iter().any(is_line))
            .await;

        let wary = telling(&collector, url, protocol, &other).await;
        let trace = told(&get(&wary, "/open/x", &[]).await);
        for failed in [
            "tidegate_span_export_failures_total",
            "tidegate_access_log_dropped_total",
        ] {
            let unreachable = ["reason=\"unreachable\""];
            wary.metric_above(failed, &unreachable, 0.0).await;
        }
        assert!(collector.of(&trace).is_empty(), "{protocol}");
        assert!(
            !collector
                .of("lines")
                .iter()
                .any(|line| line["line"]["trace_id"] == *trace)
        );
    }
}
