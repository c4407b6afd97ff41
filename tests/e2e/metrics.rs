//! Metrics, as real scrapers see them: Prometheus with native histograms, and promtool.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Behaviour, Client, Node, Ports, Service, WorldText, tool};

use crate::WORLD;

/// A Prometheus that is gone when this is.
struct Prometheus {
    child: Child,
    addr: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// One that asks `target` each second, in the format with native histograms.
    fn start(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "global: {{ scrape_interval: 1s }}\n\
             scrape_configs: [{{ job_name: tidegate, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a file");
        let addr = Ports::default().take();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={addr}"))
            .arg("--enable-feature=native-histograms,exemplar-storage")
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed (`cargo xtask test` does that)");
        Self {
            child,
            addr,
            _folder: folder,
        }
    }

    /// The value of the only series that a query finds, if it finds one.
    async fn ask(&self, query: &str) -> Option<f64> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let query: String = query
            .bytes()
            .map(|byte| match plain(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        let path = format!("/api/v1/query?query={query}");
        let answer = Client::new(self.addr).get(&path, &[]).await.ok()?;
        let said: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
        said["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// Asks until the answer is `wanted`, at most half a minute.
    async fn until(&self, query: &str, wanted: impl Fn(f64) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let said = self.ask(query).await;
            if said.is_some_and(&wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{query}: {said:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // SIGKILL.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_takes_every_series_and_native_histograms() {
    let service = Service::start(Behaviour::Good).await;
    let world = format!("{WORLD}metrics: {{ by_consumer: true }}\n");
    let node = Node::start(WorldText::one_node(&world, &[service.addr]), &[]).await;
    let key = node.key("acme");
    let prometheus = Prometheus::start(node.admin());
    let mut client = Client::new(node.door());
    for _ in 0..40 {
        let answer = client.get("/open/x", &[]).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    prometheus.until("up", |up| up == 1.0).await;
    prometheus
        .until("tidegate_requests_total{route='open',status='2xx'}", |n| {
            n == 40.0
        })
        .await;
    // Only native histograms have such a count.
    let native = "histogram_count(tidegate_request_seconds{route='open'})";
    prometheus.until(native, |n| n == 40.0).await;
    let median = "histogram_quantile(0.5, tidegate_upstream_seconds{upstream='echo'})";
    prometheus.until(median, |s| s > 0.0 && s < 1.0).await;
    prometheus
        .until("tidegate_upstream_answers_total{status='2xx'}", |n| {
            n == 40.0
        })
        .await;
    prometheus
        .until("tidegate_upstream_in_flight{upstream='echo'}", |n| n == 0.0)
        .await;
    for (query, least) in [
        ("tidegate_build_info", 1.0),
        ("tidegate_config_loaded_timestamp_seconds", 1.0e9),
        ("tidegate_upstream_connections_open{upstream='echo'}", 1.0),
        ("process_open_fds", 10.0),
        ("process_max_fds", 100.0),
        ("process_threads", 3.0),
        ("process_virtual_memory_bytes", 1.0e6),
        ("sum(histogram_count(tidegate_loop_lag_seconds))", 10.0),
        ("tidegate_scrape_seconds", 1.0e-6),
    ] {
        prometheus.until(query, |value| value >= least).await;
    }
    for _ in 0..3 {
        let by_key = [("x-api-key", key.as_str())];
        let answer = client.get("/api/x", &by_key).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    prometheus
        .until(
            "tidegate_consumer_requests_total{consumer='acme',status='2xx'}",
            |n| n == 3.0,
        )
        .await;
    prometheus
        .until("tidegate_limit_sync_bytes_total", |bytes| bytes == 0.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_to_say() {
    let service = Service::start(Behaviour::Good).await;
    let node = Node::start(WorldText::one_node(WORLD, &[service.addr]), &[]).await;
    let url = format!("http://{}/metrics", node.admin());
    let answer = tool("curl", &["-sS", "-H", "Accept: text/plain", "-D-", &url]);
    let (head, text) = answer
        .out
        .split_once("\r\n\r\n")
        .expect("a head and a body");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(!text.contains("consumer="), "nobody wants them: {text}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed with prometheus");
    let mut input = promtool.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("promtool reads");
    drop(input);
    let said = promtool.wait_with_output().expect("promtool ends");
    let complaints = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.status.success() && complaints.is_empty(),
        "{complaints}"
    );
}
