//! A small internet that `tidegate up --anycast` made: namespaces, routers, clients that never stop
//! asking.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::WorldText;
use crate::tool::Output;
use crate::world::World;

/// A world of `up --anycast`. It ends when this is dropped.
#[derive(Debug)]
pub struct Internet {
    world: World,
}

/// Whether this machine lets us: root, with BIRD and iproute2.
#[must_use]
pub fn can_have_internet() -> bool {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let runs = |program: &str, flag: &str| {
        let mut command = Command::new(program);
        command
            .arg(flag)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok()
    };
    root && runs("bird", "--version") && runs("ip", "-V")
}

impl Internet {
    /// Makes one: three regions of so many nodes.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start(nodes: usize, world: &str) -> Self {
        let mut text = WorldText::three_regions(nodes, world);
        for region in &mut text.regions {
            region.more = "drain: { settle: 500ms, grace: 500ms, timeout: 2s }\n".to_owned();
        }
        let flags = ["--anycast", "--probe-every", "20ms"];
        Self {
            world: World::start(text, &flags).await,
        }
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// `tidegate lab fault` with arguments.
    ///
    /// # Panics
    /// If it does not do it.
    pub fn fault(&self, args: &[&str]) {
        let said = self.try_fault(args);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    }

    /// The same, whatever comes of it.
    pub fn try_fault(&self, args: &[&str]) -> Output {
        let all: Vec<&str> = ["lab", "fault"].iter().chain(args).copied().collect();
        self.world.tidegate(&all)
    }

    /// What came of the last fault, or of its end.
    ///
    /// # Panics
    /// If nothing was broken yet.
    #[must_use]
    pub fn episode(&self) -> Value {
        let said = self
            .world
            .tidegate(&["lab", "report", "--json", "--last", "1"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let episodes: Value = serde_json::from_str(&said.out).expect("a JSON document");
        episodes[0].clone()
    }

    /// What clients near a region get at the moment.
    ///
    /// # Panics
    /// If there is no such region.
    #[must_use]
    pub fn status(&self, region: &str) -> Value {
        let said = self.world.tidegate(&["lab", "status", "--json"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let status: Value = serde_json::from_str(&said.out).expect("a JSON document");
        let regions = status["regions"].as_array().expect("a list");
        let found = regions.iter().find(|known| known["region"] == region);
        found.expect("a region of this world").clone()
    }

    /// Waits until clients near a region get answers of so many of its nodes, and no errors.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub async fn wait_until_well(&self, region: &str, nodes: usize) {
        let own = format!("{region}/");
        self.wait_until_served(region, region, |ways| {
            ways.len() == nodes && ways.iter().all(|way| way.starts_with(&own))
        })
        .await;
    }

    /// Waits until all that clients near a region got within a second are answers of nodes in `by`,
    /// and its router sends packets where it shall.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub async fn wait_until_served(&self, region: &str, by: &str, ways: impl Fn(&[&str]) -> bool) {
        let begun = Instant::now();
        loop {
            let status = self.status(region);
            let answered = names(&status["by"]);
            let all_by = answered.iter().all(|node| node.starts_with(by)) && !answered.is_empty();
            if ways(&names(&status["ways"])) && all_by && status["failed"] == 0 {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{region} is not served by {by}: {status}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(Value::as_str).collect()
}
