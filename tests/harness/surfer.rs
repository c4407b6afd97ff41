//! Chromium, driven by a script of Node.js: one line in is one step, one line of JSON comes back.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A real browser. It ends when this is dropped.
#[derive(Debug)]
pub struct Surfer {
    child: Child,
    say: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
}

impl Surfer {
    /// Starts a script of `tests/` with these arguments after the folder of `node_modules`.
    ///
    /// # Panics
    /// If Node.js is not there.
    #[must_use]
    pub fn start(script: &str, args: &[&str]) -> Self {
        let folder = std::env::var("TIDEGATE_TEST_NODE").unwrap_or_default();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut child = Command::new("node")
            .arg(script)
            .arg(folder)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts (`cargo xtask test` installs it)");
        let say = child.stdin.take();
        let hear = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, say, hear }
    }

    /// Does a step.
    ///
    /// # Panics
    /// If it cannot be done, or the page complains.
    pub fn step(&mut self, line: &str) -> serde_json::Value {
        let say = self.say.as_mut().expect("open until it is dropped");
        writeln!(say, "{line}")
            .expect("the script listens (playwright-core is in TIDEGATE_TEST_NODE)");
        let mut heard = String::new();
        self.hear.read_line(&mut heard).expect("an answer");
        let answer: serde_json::Value =
            serde_json::from_str(&heard).unwrap_or_else(|_| panic!("{line}: {heard:?}"));
        assert!(answer.get("failed").is_none(), "{line}: {answer}");
        let complaints = answer["complaints"].as_array().expect("a list");
        assert!(complaints.is_empty(), "{line}: {complaints:?}");
        answer
    }
}

impl Drop for Surfer {
    fn drop(&mut self) {
        // The script closes its browser when nothing more is said.
        drop(self.say.take());
        let _status = self.child.wait();
    }
}
