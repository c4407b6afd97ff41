//! Grafana's dashboards against a real Prometheus that scrapes a world under traffic and faults:
//! every query of every panel must have something to show. Grafana itself cannot be had here, so
//! panels are drawn by a script of ours (`dashboards.mjs`) from the same queries.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::{Client, Ports, Surfer, World, WorldText, tidegate};

/// Windows of a limit end often, so that they are judged; services fall back.
const WORLD: &str = "\
upstreams:
  echo:
    connect_timeout: 1s
    first_byte_timeout: 1s
    fallback: { regions_max: 1, retry_after: 2s }
    health: { interval: 200ms, timeout: 1s }
limits:
  per-key: { amount: 60, window: 3s }
  per-address: { amount: 30, window: 2s, per: ip, scope: region }
keys: { env: test }
steer: { check_interval: 250ms, start: 2, rise: 2, dwell: 2s, ramp: 1s, permit: 3s, pause: 3s }
routes:
  orders: { path: /api/*, upstream: echo, limits: [per-key] }
  open: { path: /open/*, upstream: echo, auth: none, limits: [per-address] }
  posts: { path: /posts, methods: [POST], upstream: echo, auth: none }
";
/// Rules about errors are evaluated twice a minute; both groups must have had their turn.
const RUN: Duration = Duration::from_secs(80);

struct Prometheus {
    addr: std::net::SocketAddr,
    child: Child,
    _data: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes all nodes of a world once a second.
    fn start(world: &World) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let rules = deploy().join("prometheus/rules");
        let nodes = world.text.regions.iter().flat_map(|region| {
            region.nodes.iter().map(|(name, _, admin, _)| {
                let home = &region.name;
                format!("      - {{ targets: [\"{admin}\"], labels: {{ home: {home}, node: {home}/{name} }} }}\n")
            })
        });
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 2s }}\n\
             rule_files: [\"{0}/recording.yml\", \"{0}/alerts.yml\"]\n\
             scrape_configs:\n  - job_name: tidegate\n    static_configs:\n{1}",
            rules.display(),
            nodes.collect::<String>()
        );
        let config = data.path().join("prometheus.yml");
        std::fs::write(&config, text).expect("writable");
        let addr = Ports::default().take();
        let said = std::fs::File::create(data.path().join("said")).expect("writable");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={addr}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("prometheus starts (`cargo xtask test` installs it)");
        Self {
            addr,
            child,
            _data: data,
        }
    }

    /// Series of a query at this moment that have a value.
    async fn series(&self, query: &str) -> Result<usize, String> {
        let path = format!("/api/v1/query?query={}", escaped(query));
        let answer = Client::new(self.addr).get(&path, &[]).await?;
        let document: serde_json::Value =
            serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
        if document["status"] != "success" {
            return Err(document["error"].to_string());
        }
        let result = document["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is_number = |series: &&serde_json::Value| {
            let value = series["value"][1]
                .as_str()
                .and_then(|v| v.parse::<f64>().ok());
            value.is_some_and(f64::is_finite)
        };
        Ok(result.iter().filter(is_number).count())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let byte = |b: u8| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Callers of all kinds at all doors, until told to stop.
fn traffic(world: &World, key: &str) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for door in world.doors() {
        let (stop, key) = (Arc::clone(&stop), key.to_owned());
        tokio::spawn(async move {
            let mut client = Client::new(door);
            let mut turn = 0_u32;
            while !stop.load(Relaxed) {
                turn += 1;
                let asked = match turn % 8 {
                    0 => client.get("/open/a", &[]).await,
                    1 => {
                        client
                            .get("/api/unknown", &[("x-api-key", "tg_test_nobody")])
                            .await
                    }
                    2 => client.get("/api/none", &[]).await,
                    3 => client.send("POST", "/posts", &[], "a body".into()).await,
                    _ => client.get("/api/a", &[("x-api-key", &key)]).await,
                };
                // Some of them are sent to a region that is dead.
                let pause = if asked.is_ok() { 70 } else { 300 };
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        });
    }
    stop
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_something_to_show() {
    let world = World::start(WorldText::three_regions(2, WORLD), &[]).await;
    let prometheus = Prometheus::start(&world);
    let (begun, since) = (Instant::now(), unix());
    let key = world.key("ada");
    let stop = traffic(&world, &key);
    tokio::time::sleep(Duration::from_secs(14)).await;
    for verb in ["kill", "start"] {
        for service in ["echo-1.us-east-1", "echo-2.us-east-1"] {
            world.lab(verb, service);
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    world.lab("kill", "ap-southeast-1");
    tokio::time::sleep(Duration::from_secs(9)).await;
    world.lab("start", "ap-southeast-1");
    world
        .announced("ap-southeast-1", Duration::from_secs(30))
        .await;
    assert_eq!(world.tidegate(&["keys", "list"]).code, 0);
    tokio::time::sleep(RUN.saturating_sub(begun.elapsed())).await;

    let mut empty = Vec::new();
    let mut asked = 0;
    let folder = deploy().join("grafana/dashboards");
    let mut boards: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("dashboards") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let board: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        boards.push(
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
        );
        for panel in board["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().expect("targets") {
                let expr = target["expr"].as_str().expect("a query");
                let all = ["$home", "$node", "$route", "$limit", "$upstream"];
                let query = all
                    .iter()
                    .fold(expr.to_owned(), |query, name| query.replace(name, ".+"));
                asked += 1;
                let found = prometheus.series(&query).await;
                if !matches!(found, Ok(n) if n > 0) {
                    empty.push(format!(
                        "{} / {}: {found:?}: {query}",
                        board["title"], panel["title"]
                    ));
                }
            }
        }
    }
    assert!(
        empty.is_empty(),
        "{} of {asked} queries:\n{}",
        empty.len(),
        empty.join("\n")
    );
    assert!(
        asked > 80 && boards.len() == 8,
        "{asked} queries, {boards:?}"
    );

    boards.sort();
    let pictures = std::env::var("TIDEGATE_PICTURES").unwrap_or_default();
    let url = format!("http://{}", prometheus.addr);
    let (folder, since, until) = (
        folder.display().to_string(),
        since.to_string(),
        unix().to_string(),
    );
    let mut surfer = Surfer::start(
        "e2e/dashboards.mjs",
        &[&url, &folder, &since, &until, &pictures],
    );
    for board in boards {
        let drawn = surfer.step(&board);
        assert_eq!(drawn["blank"], serde_json::json!([]), "{board}");
    }
    stop.store(true, Relaxed);
}

/// Examples that operators copy are good as they stand.
#[test]
fn configurations_of_deploy_are_good() {
    let good = |folder: &Path| {
        let checked = tidegate(&["check", &folder.display().to_string()]);
        assert_eq!(
            checked.code,
            0,
            "{}: {}{}",
            folder.display(),
            checked.out,
            checked.err
        );
    };
    good(&deploy().join("compose/regions"));
    let world = std::fs::read_to_string(deploy().join("../regions/world.yaml")).expect("readable");
    for speaker in ["bird", "exabgp", "gobgp"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let region = folder.path().join("us-east-1.yaml");
        std::fs::copy(deploy().join(speaker).join("region.yaml"), &region).expect("copied");
        std::fs::write(folder.path().join("world.yaml"), &world).expect("writable");
        good(&region);
    }
}

fn unix() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}
