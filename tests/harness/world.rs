//! A world that `tidegate up` started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::client::Client;
use crate::config::WorldText;
use crate::node::metric;
use crate::tool::{Output, binary, tidegate};

/// One world at a time: two cores carry no more.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A world that `tidegate up` started. It ends when this is dropped.
#[derive(Debug)]
pub struct World {
    /// Its configuration.
    pub text: WorldText,
    folder: TempDir,
    up: Child,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// Starts a world and waits until all its nodes are announced.
    ///
    /// # Panics
    /// If it does not start within 60 seconds; what it said is in the message.
    pub async fn start(text: WorldText, flags: &[&str]) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let regions = folder.path().join("regions");
        std::fs::create_dir(&regions).expect("writable");
        text.write(&regions);
        let said = std::fs::File::create(folder.path().join("said")).expect("writable");
        let up = Command::new(binary())
            .arg("up")
            .args([
                "--regions".as_ref(),
                regions.as_os_str(),
                "--data".as_ref(),
                folder.path().join("data").as_os_str(),
            ])
            .args(flags)
            // For emulators; nothing else looks at them.
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said)
            .spawn()
            .expect("the binary starts");
        let mut world = Self {
            text,
            folder,
            up,
            _turn: turn,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !world.said().contains("Tidegate runs") {
            let ended = world.up.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the world does not start:\n{}",
                world.said()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        world
    }

    /// What `up` has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// The folder with its configuration.
    #[must_use]
    pub fn regions(&self) -> PathBuf {
        self.folder.path().join("regions")
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The number of the process that `up` runs in.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.up.id()
    }

    /// Runs a subcommand on this world.
    pub fn tidegate(&self, args: &[&str]) -> Output {
        let data = self.data().display().to_string();
        let mut all: Vec<&str> = args.to_vec();
        all.extend(["--data", &data]);
        tidegate(&all)
    }

    /// Breaks or mends something.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn lab(&self, verb: &str, name: &str) {
        let output = self.tidegate(&["lab", verb, name]);
        assert_eq!(
            output.code, 0,
            "lab {verb} {name}: {}{}",
            output.out, output.err
        );
    }

    /// Makes a key, and waits until all nodes know it: that takes as long as word of it travels.
    ///
    /// # Panics
    /// If no node makes one, or not all nodes know it within five seconds.
    #[must_use]
    pub fn key(&self, consumer: &str) -> String {
        let data = self.data().display().to_string();
        let output = tidegate(&[
            "keys",
            "create",
            "--data",
            &data,
            "--consumer",
            consumer,
            "--quiet",
        ]);
        assert_eq!(output.code, 0, "{}", output.err);
        let key = output.out.trim().to_owned();
        let kid = key.split('_').nth(2).expect("a key has five parts");
        let deadline = Instant::now() + Duration::from_secs(5);
        for node in self.text.regions.iter().flat_map(|region| &region.nodes) {
            let admin = node.2.to_string();
            while !tidegate(&["keys", "list", "--admin", &admin])
                .out
                .contains(kid)
            {
                assert!(
                    Instant::now() < deadline,
                    "{} does not know the key",
                    node.0
                );
            }
        }
        key
    }

    /// Public doors of all nodes.
    #[must_use]
    pub fn doors(&self) -> Vec<SocketAddr> {
        self.text
            .regions
            .iter()
            .flat_map(|region| region.nodes.iter().map(|node| node.3))
            .collect()
    }

    /// A metric of each node, all its series added up.
    ///
    /// # Panics
    /// If a node does not answer.
    pub async fn metrics(&self, name: &str) -> Vec<f64> {
        let mut values = Vec::new();
        for node in self.text.regions.iter().flat_map(|region| &region.nodes) {
            let answer = Client::new(node.2).get("/metrics", &[]).await;
            values.push(metric(&answer.expect("metrics").body, name, &[]));
        }
        values
    }

    /// Where clients near a region come in.
    ///
    /// # Panics
    /// If there is no such region.
    #[must_use]
    pub fn front(&self, region: &str) -> SocketAddr {
        let region = self
            .text
            .regions
            .iter()
            .find(|known| known.name == region)
            .expect("a region of this world");
        region.front.expect("a world with a director")
    }

    /// The world as a node sees it, from its admin door.
    ///
    /// # Panics
    /// If no node answers, or not with a document.
    #[must_use]
    pub fn status(&self) -> serde_json::Value {
        let output = self.tidegate(&["status", "--json"]);
        assert_eq!(output.code, 0, "{}", output.err);
        serde_json::from_str(&output.out).expect("a JSON document")
    }

    /// Waits until a region's nodes are all announced, as the first node sees it.
    ///
    /// # Panics
    /// If that takes longer than `patience`.
    pub async fn announced(&self, region: &str, patience: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            let status = self.status();
            let regions = status["regions"].as_array().expect("a list of regions");
            let found = regions
                .iter()
                .find(|known| known["region"] == region)
                .expect("a region of this world");
            let nodes = found["nodes"].as_array().expect("a list of nodes");
            let all = nodes
                .iter()
                .all(|node| node["announced"] == true && node["alive"] == true);
            if found["announced"] == true
                && found["presence"] == "reachable"
                && all
                && !nodes.is_empty()
            {
                return begun.elapsed();
            }
            assert!(
                begun.elapsed() < patience,
                "{region} is not announced: {found}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops the world as Ctrl-C would and returns how `up` ended.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(mut self) -> i32 {
        end(&mut self.up, &self.folder.path().join("data")).expect("up ends within its patience")
    }
}

/// Sends SIGINT and waits.
fn end(up: &mut Child, data: &Path) -> Option<i32> {
    if let Some(status) = up.try_wait().ok().flatten() {
        return status.code();
    }
    let killed = Command::new("kill")
        .args(["-INT", &up.id().to_string()])
        .status();
    if killed.is_ok() {
        let deadline = Instant::now() + Duration::from_secs(40);
        while Instant::now() < deadline {
            if let Some(status) = up.try_wait().ok().flatten() {
                return Some(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // It did not listen: end it, and what it leaves behind.
    let _gone = up.kill();
    let _reaped = up.wait();
    tidegate(&["down", "--data", &data.display().to_string()]);
    None
}

impl Drop for World {
    fn drop(&mut self) {
        end(&mut self.up, &self.folder.path().join("data"));
    }
}
