//! An authorizer that speaks Envoy's protocol over gRPC: the server is not ours.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use harness::{Answer, Behaviour, Client, Node, Service, WorldText, certificate, venv};
use serde_json::Value;

/// A server that runs. It ends when this is dropped.
struct Authorizer {
    port: u16,
    asked: Arc<Mutex<Vec<Value>>>,
    child: Child,
}

impl Authorizer {
    fn start(port: u16, tls: &[&str]) -> Self {
        let mut child = Command::new(venv("python3"))
            .args(["-c", include_str!("ext_authz.py"), &port.to_string()])
            .args(tls)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = lines
            .next()
            .expect("the server starts (pip: grpcio, xds-protos)");
        let port = port.expect("text").parse().expect("a port");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let question = serde_json::from_str(&line).expect("JSON");
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(question);
            }
        });
        Self { port, asked, child }
    }

    /// Waits until it has said of so many questions that they came, and sees that no more did.
    async fn asked_in_all(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.asked().len() < count && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.asked().len(), count);
    }

    fn asked(&self) -> Vec<Value> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Authorizer {
    fn drop(&mut self) {
        self.child.kill().expect("ours");
        self.child.wait().expect("ours");
    }
}

async fn start(url: &str, more: &str) -> Node {
    let world = format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
keys: {{ env: test }}
caller: {{ headers: {{ x-user-id: account, x-user-role: roles, x-consumer: consumer }} }}
authenticators:
  who: {{ external: {{ url: '{url}', protocol: grpc, fields: [x-device], account_header: x-user, consumer_header: x-org, roles_header: x-roles{more} }} }}
routes:
  asked: {{ path: /a/*, upstream: echo, auth: who }}
"
    );
    let service = Service::start(Behaviour::Mirrors).await;
    Node::start(WorldText::one_node(&world, &[service.addr]), &[]).await
}

async fn get(node: &Node, path: &str, word: &str) -> Answer {
    let field = format!("Bearer {word}");
    let fields = [
        ("authorization", &*field),
        ("x-device", "d1"),
        ("x-user", "eve"),
    ];
    let answer = Client::new(node.door()).get(path, &fields).await;
    answer.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorizer_over_grpc_decides_and_names_the_caller() {
    let authorizer = Authorizer::start(0, &[]);
    let port = authorizer.port;
    let url = format!("http://127.0.0.1:{port}");
    let node = start(&url, ", ttl: 1s, stale_max: 30s, timeout: 1s").await;

    let told = get(&node, "/a/x%20y?b=c", "good").await;
    assert_eq!(told.status, 200, "{}", told.body);
    for says in ["x-user-id: who:ada", "x-user-role: ops", "x-consumer: acme"] {
        assert!(told.body.contains(says), "{}", told.body);
    }
    assert!(!told.body.contains("Bearer"), "{}", told.body);
    authorizer.asked_in_all(1).await;
    let asked = &authorizer.asked()[0];
    for (name, want) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("path", "/a/x%20y?b=c"),
        ("host", "gateway.test"),
        ("scheme", "http"),
        ("protocol", "HTTP/1.1"),
    ] {
        assert_eq!(asked[name], want, "{asked}");
    }
    let headers = &asked["headers"];
    assert_eq!(headers["authorization"], "Bearer good");
    assert_eq!(
        (&headers["x-device"], &headers[":path"]),
        (&"d1".into(), &"/a/x%20y?b=c".into())
    );
    assert!(headers.get("x-user").is_none(), "{asked}");

    // Twenty at once are one question, and its answer holds for its time.
    let many = (0..20).map(|_| {
        let mut client = Client::new(node.door());
        tokio::spawn(async move {
            client
                .get("/a/m", &[("authorization", "Bearer slow")])
                .await
        })
    });
    for answer in many.collect::<Vec<_>>() {
        let answer = answer.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status, 200);
    }
    authorizer.asked_in_all(2).await; // once for all who wait

    for (word, status) in [
        ("401", 401),
        ("403", 403),
        ("429", 403),
        ("down", 503),
        ("late", 503),
        ("large", 503),
        ("nobody", 503),
    ] {
        let answer = get(&node, "/a/x", word).await;
        assert_eq!(answer.status, status, "{word}");
        assert!(!answer.body.contains("own words"), "{}", answer.body);
    }

    // It goes, and comes back where it was.
    assert_eq!(get(&node, "/a/kept", "good").await.status, 200);
    drop(authorizer);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        get(&node, "/a/kept", "good").await.status,
        200,
        "as it was said before"
    );
    assert_eq!(get(&node, "/a/new", "good").await.status, 503);
    node.metric_above("tidegate_authenticator_asked_total", &["\"stale\""], 0.0)
        .await;
    let again = Authorizer::start(port, &[]);
    assert_eq!(get(&node, "/a/new", "good").await.status, 200);
    again.asked_in_all(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorizer_over_grpc_is_trusted_by_its_certificate() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [(good, key), (other, _)] = ["good", "other"].map(|name| certificate(folder.path(), name));
    let path = |path: &Path| path.display().to_string();
    let authorizer = Authorizer::start(0, &[&path(&good), &path(&key)]);
    let url = format!("https://127.0.0.1:{}", authorizer.port);
    for (ca, status) in [(good, 200), (other, 503)] {
        let more = format!(", ca_file: {}, timeout: 3s", path(&ca));
        let node = start(&url, &more).await;
        let answer = get(&node, "/a/x", "good").await;
        assert_eq!(answer.status, status, "{}", node.said());
    }
    authorizer.asked_in_all(1).await;
    assert_eq!(
        authorizer.asked()[0]["scheme"],
        "http",
        "of the client's connection"
    );
}
