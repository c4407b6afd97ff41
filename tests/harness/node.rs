//! One node that `tidegate run` started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::config::WorldText;
use crate::tool::{Output, binary, tidegate};

/// One node that `tidegate run` started. It ends when this is dropped.
#[derive(Debug)]
pub struct Node {
    /// Its configuration.
    pub text: WorldText,
    folder: TempDir,
    child: Child,
}

impl Node {
    /// Starts a node and waits until it is ready.
    ///
    /// # Panics
    /// If it is not ready within 30 seconds; what it said is in the message.
    pub async fn start(text: WorldText, flags: &[&str]) -> Self {
        Self::start_in(text, flags, None).await
    }

    /// Starts a node that has the shared secrets of another's data folder.
    ///
    /// # Panics
    /// As [`Node::start`].
    pub async fn start_with_secrets(text: WorldText, other: &std::path::Path) -> Self {
        Self::start_in(text, &[], Some(other)).await
    }

    async fn start_in(text: WorldText, flags: &[&str], secrets: Option<&std::path::Path>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let regions = folder.path().join("regions");
        std::fs::create_dir(&regions).expect("writable");
        text.write(&regions);
        let data = folder.path().join("data");
        let paths = [regions.display().to_string(), data.display().to_string()];
        let made = tidegate(&[
            "certs",
            "init",
            "--regions",
            &paths[0],
            "--data",
            &paths[1],
            "--host",
            "localhost",
        ]);
        assert_eq!(made.code, 0, "{}", made.err);
        if let Some(other) = secrets {
            let pepper = "secrets/pepper";
            std::fs::copy(other.join(pepper), data.join(pepper)).expect("a pepper");
        }
        let said = std::fs::File::create(folder.path().join("said")).expect("writable");
        let region = regions.join(format!("{}.yaml", text.regions[0].name));
        let child = Command::new(binary())
            .arg("run")
            .args([
                "--region".as_ref(),
                region.as_os_str(),
                "--data".as_ref(),
                data.as_os_str(),
            ])
            .args(["--node", "a", "--access-log"])
            .arg(folder.path().join("access.log"))
            .args(flags)
            // For emulators; nothing else looks at them.
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said)
            .spawn()
            .expect("the binary starts");
        let mut node = Self {
            text,
            folder,
            child,
        };
        node.becomes_ready().await;
        node
    }

    /// Stops it by SIGTERM and starts it again, on the same folders.
    ///
    /// # Panics
    /// If it does not end, or is not ready again in time.
    pub async fn restart(&mut self) {
        self.signal("TERM");
        assert_eq!(self.ended(Duration::from_secs(20)).await, 0);
        let said = std::fs::File::options()
            .append(true)
            .open(self.folder.path().join("said"))
            .expect("writable");
        let region = format!("{}.yaml", self.text.regions[0].name);
        self.child = Command::new(binary())
            .arg("run")
            .arg("--region")
            .arg(self.regions().join(region))
            .arg("--data")
            .arg(self.data())
            .args(["--node", "a", "--access-log"])
            .arg(self.folder.path().join("access.log"))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said)
            .spawn()
            .expect("the binary starts");
        self.becomes_ready().await;
    }

    async fn becomes_ready(&mut self) {
        let node = self;
        let deadline = Instant::now() + Duration::from_secs(30);
        while node
            .admin_get("/readyz")
            .await
            .is_none_or(|(status, _)| status != 200)
        {
            let ended = node.child.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the node does not start:\n{}",
                node.said()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// The lines of its access log so far.
    #[must_use]
    pub fn access_log(&self) -> Vec<serde_json::Value> {
        let text =
            std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// Where its configuration is.
    #[must_use]
    pub fn regions(&self) -> PathBuf {
        self.folder.path().join("regions")
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its public door.
    #[must_use]
    pub fn door(&self) -> SocketAddr {
        self.text.regions[0].nodes[0].3
    }

    /// Its admin door.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.text.regions[0].nodes[0].2
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks its admin door: status and body.
    pub async fn admin_get(&self, path: &str) -> Option<(u16, String)> {
        let mut client = Client::new(self.admin());
        let answer = client.get(path, &[]).await.ok()?;
        Some((answer.status, answer.body))
    }

    /// The value of a metric, all its series with these words in them added up.
    ///
    /// # Panics
    /// If the node does not answer.
    pub async fn metric(&self, name: &str, words: &[&str]) -> f64 {
        let (_, text) = self.admin_get("/metrics").await.expect("metrics");
        metric(&text, name, words)
    }

    /// Waits until a metric is above `value`, for what is counted a moment after clients have seen
    /// it.
    ///
    /// # Panics
    /// If it is not within two seconds.
    pub async fn metric_above(&self, name: &str, words: &[&str], value: f64) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.metric(name, words).await <= value {
            assert!(Instant::now() < deadline, "{name} {words:?} stays {value}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Makes a key.
    ///
    /// # Panics
    /// If the node makes none.
    #[must_use]
    pub fn key(&self, consumer: &str) -> String {
        let output = self.keys(&["create", "--consumer", consumer, "--quiet"]);
        assert_eq!(output.code, 0, "{}", output.err);
        output.out.trim().to_owned()
    }

    /// Runs `tidegate keys`.
    pub fn keys(&self, args: &[&str]) -> Output {
        let admin = self.admin().to_string();
        tidegate(&[&["keys", "--admin", &admin], args].concat())
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If `kill` cannot be run.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until it has ended: its exit code.
    ///
    /// # Panics
    /// If it does not end within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> i32 {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < deadline,
                "the node does not end:\n{}",
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The value of a metric in an exposition, all its series with these words in them added up.
pub fn metric(text: &str, name: &str, words: &[&str]) -> f64 {
    let wanted = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|r| r.starts_with(['{', ' ']))
            && words.iter().all(|word| line.contains(word))
    };
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|v| v.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    text.lines().filter(wanted).map(value).sum()
}
