//! With a real BIRD if there is one, without any network: its protocols are up or down all the
//! same.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use std::time::Duration;

use tidegate_steer::{Plan, Reason};

use super::*;
use crate::{Condition, Keeper, Speaker};

struct Running {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const CONFIG: &str = "
router id 192.0.2.1;
protocol device { }
protocol static vip { disabled; ipv4; route 203.0.113.1/32 blackhole; }
protocol static vip_second { disabled; ipv4 { preference 100; }; route 203.0.113.1/32 blackhole; }
protocol static vip_leaving { disabled; ipv4 { preference 100; }; route 203.0.113.1/32 blackhole; }
";

fn spawn(folder: &std::path::Path) -> Option<Child> {
    let at = |name: &str| folder.join(name);
    std::fs::write(at("bird.conf"), CONFIG).expect("writable");
    let mut command = Command::new("bird");
    command.arg("-f").arg("-c").arg(at("bird.conf"));
    command.arg("-s").arg(at("ctl")).arg("-P").arg(at("pid"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().ok()
}

impl Running {
    /// `None` where BIRD is not installed.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = spawn(folder.path())?;
        Some(Self { child, folder })
    }

    fn restart(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        self.child = spawn(self.folder.path()).expect("it was there before");
    }

    fn place(&self) -> BirdPlace {
        BirdPlace {
            socket: self.folder.path().join("ctl"),
            protocol: "vip".to_owned(),
            reduced: Some("vip_second".to_owned()),
            graceful: Some("vip_leaving".to_owned()),
            prefixes: vec!["203.0.113.1/32".to_owned()],
        }
    }

    async fn wait(&self) -> BirdPlace {
        let place = self.place();
        for _ in 0..100 {
            if place.hold(Wanted::Withdrawn).await.is_ok() {
                return place;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", place.hold(Wanted::Withdrawn).await);
    }
}

fn plan(announce: bool, reason: Reason) -> Plan {
    Plan {
        number: 1,
        announce,
        reduced: false,
        reason,
    }
}

#[tokio::test]
async fn what_is_wanted_is_set_once_and_read_back() {
    let Some(daemon) = Running::start() else {
        return;
    };
    let place = daemon.wait().await;
    for wanted in [
        Wanted::Reduced,
        Wanted::Announced,
        Wanted::Graceful,
        Wanted::Withdrawn,
    ] {
        assert!(place.hold(wanted).await.expect("held").corrected);
        assert!(!place.hold(wanted).await.expect("held").corrected);
    }
    place.hold(Wanted::Announced).await.expect("held");
    let disabled = place.withdraw().await.expect("withdrawn");
    assert_eq!(disabled, ["vip"]);
    assert!(place.withdraw().await.expect("withdrawn").is_empty());
    assert!(place.hold(Wanted::Announced).await.expect("held").corrected);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_a_sentence() {
    let nobody = BirdPlace {
        socket: "/nowhere/bird.ctl".into(),
        protocol: "vip".to_owned(),
        reduced: None,
        graceful: None,
        prefixes: Vec::new(),
    };
    let error = nobody.hold(Wanted::Announced).await.expect_err("nobody");
    assert!(error.to_string().contains("BIRD does not run"), "{error}");
    let Some(daemon) = Running::start() else {
        return;
    };
    let mut place = daemon.wait().await;
    place.prefixes.push("198.51.100.0/24".to_owned());
    let error = place
        .hold(Wanted::Announced)
        .await
        .expect_err("not its own");
    assert!(
        error
            .to_string()
            .contains("has no route for 198.51.100.0/24"),
        "{error}"
    );
    place.protocol = "other".to_owned();
    let error = place.hold(Wanted::Announced).await.expect_err("unknown");
    assert_eq!(error, BirdError::NoProtocol("other".to_owned()));
}

#[tokio::test]
async fn a_restart_or_a_stranger_is_corrected() {
    let Some(mut daemon) = Running::start() else {
        return;
    };
    let place = daemon.wait().await;
    let condition = Arc::new(Condition::default());
    let bird = Keeper::start(
        place.clone(),
        Duration::ZERO,
        Arc::clone(&condition),
        |_| (),
    );
    bird.apply(&plan(true, Reason::Fit));
    let corrections = async |n: u64| {
        for _ in 0..500 {
            if condition.corrections() >= n && condition.trouble().is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{condition:?}");
    };
    corrections(1).await;
    place.withdraw().await.expect("a stranger's order");
    corrections(2).await;
    daemon.restart();
    corrections(3).await;
}
