//! Failover by real routers, in the small internet of `tidegate up --anycast`: three regions
//! announce one address through BIRD, and clients never stop asking. Root only. Bounds here are
//! loose, for busy machines; `crates/lab/FAILOVER.md` has the figures.

use std::time::Duration;

use harness::{Internet, can_have_internet, report, tidegate, tool};
use serde_json::Value;

use crate::WORLD;

/// The region that is broken, and the nearest other one.
const NEAR: &str = "us-east-1";
const FAR: &str = "eu-west-1";

/// This machine may be busy with other things.
const BUSY: u64 = 4;

/// A fault, where it is, and how soon after it no request may fail any more, in milliseconds.
const FAULTS: [(&str, &str, u64); 5] = [
    ("kill-region", NEAR, 250),
    ("kill-daemon", NEAR, 250),
    ("cut-link", NEAR, 250),
    ("blackhole", NEAR, 500),
    ("freeze", NEAR, 2_000),
];

fn cannot(what: &str) -> bool {
    let cannot = !can_have_internet();
    if cannot {
        report(&format!(
            "{what}: not run, it needs root, bird2 and iproute2."
        ));
    }
    cannot
}

async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

fn ms(value: &Value) -> Option<u64> {
    value.as_u64().map(|us| us / 1_000)
}

#[tokio::test]
async fn after_every_fault_clients_are_served_elsewhere_within_its_goal() {
    if cannot("failover") {
        return;
    }
    let internet = Internet::start(1, WORLD).await;
    internet.wait_until_well(NEAR, 1).await;
    for (fault, place, goal) in FAULTS {
        internet.fault(&[fault, place]);
        // The nearest other region.
        internet
            .wait_until_served(NEAR, FAR, |ways| ways == [FAR])
            .await;
        let episode = internet.episode();
        let (last, failed) = (
            ms(&episode["last_error_us"]).unwrap_or(0),
            &episode["failed"],
        );
        report(&format!(
            "anycast, {fault}: the last failed request began {last} ms after it (goal: {goal} ms); {failed} of {} failed.",
            episode["asked"]
        ));
        assert!(last <= goal * BUSY, "{fault}: {episode}");
        assert!(
            episode["asked"].as_u64().is_some_and(|asked| asked > 100),
            "{episode}"
        );
        assert!(
            ms(&episode["converge_us"]).is_some(),
            "routers changed: {episode}"
        );
        // If nobody lost anything, nothing was broken.
        if matches!(fault, "blackhole" | "freeze") {
            assert_ne!(*failed, 0, "{episode}");
        }
        internet.fault(&[fault, place, "--undo"]);
        internet.wait_until_well(NEAR, 1).await;
    }
    let again = internet.try_fault(&["freeze", "mars"]);
    assert_eq!(again.code, 1);
    assert!(
        again.err.contains("no node or region `mars`"),
        "{}",
        again.err
    );
    drained(&internet, NEAR, FAR).await;
    killed_and_started_at_once(&internet).await;
    thin_report(&internet);
}

/// A planned drain loses next to nothing.
async fn drained(internet: &Internet, place: &str, then: &str) {
    internet.fault(&["drain", place]);
    seconds(1.0).await;
    let episode = internet.episode();
    report(&format!(
        "anycast, drain of {place}: {} of {} requests failed.",
        episode["failed"], episode["asked"]
    ));
    // A connection that is being made in the very moment in which packets begin to go elsewhere is
    // reset: one of each kind of client at most.
    let failed = episode["failed"].as_u64();
    assert!(failed.is_some_and(|failed| failed <= 3), "{episode}");
    let ways = internet.status(NEAR)["ways"].clone();
    let ways = ways.as_array().expect("a list");
    assert!(
        ways.iter()
            .all(|way| way.as_str().is_some_and(|way| way.starts_with(then))),
        "{ways:?}"
    );
    internet.fault(&["drain", place, "--undo"]);
}

/// Whoever is started before the watchdog would withdraw it is not announced before it is fit.
async fn killed_and_started_at_once(internet: &Internet) {
    internet.wait_until_well(NEAR, 1).await;
    let node = format!("{NEAR}/a");
    internet.fault(&["kill-node", &node, "--for", "300ms"]);
    seconds(1.0).await;
    internet.wait_until_well(NEAR, 1).await;
    let back = internet.episode();
    assert_eq!(back["undo"], true);
    assert_eq!(back["transitions"], 1, "announced once: {back}");
    // One connection may be made in the very moment in which the way changes back.
    assert!(
        back["failed"].as_u64().is_some_and(|failed| failed <= 3),
        "{back}"
    );
}

fn thin_report(internet: &Internet) {
    let svg = internet.world().data().join("report.svg");
    let svg = svg.display().to_string();
    let said = internet.world().tidegate(&["lab", "report", "--svg", &svg]);
    assert_eq!(said.code, 0, "{}", said.err);
    for column in ["DETECT", "DECIDE", "WITHDRAW", "CONVERGE", "LAST ERROR"] {
        assert!(said.out.contains(column), "{}", said.out);
    }
    let svg = std::fs::read_to_string(svg).expect("it was drawn");
    assert!(
        svg.contains("blackhole us-east-1"),
        "it tells of every fault"
    );
}

#[tokio::test]
async fn one_of_two_nodes_leaves_in_order_and_sick_regions_stay() {
    if cannot("drain of a node") {
        return;
    }
    let internet = Internet::start(2, WORLD).await;
    internet.wait_until_well(NEAR, 2).await;
    let node = format!("{NEAR}/b");
    drained(&internet, &node, &format!("{NEAR}/a")).await;
    seconds(0.5).await;
    internet.wait_until_well(NEAR, 2).await;

    // If all are sick, withdrawing would help nobody.
    internet.fault(&["sick-upstream", "all"]);
    seconds(5.0).await;
    let episode = internet.episode();
    assert_ne!(episode["failed"], 0, "they are sick: {episode}");
    for region in [NEAR, FAR, "ap-southeast-1"] {
        let status = internet.status(region);
        let ways = status["ways"].as_array().expect("a list");
        let own = |way: &Value| way.as_str().is_some_and(|way| way.starts_with(region));
        assert!(
            ways.iter().all(own) && !ways.is_empty(),
            "{region} stays announced: {status}"
        );
    }
    internet.fault(&["sick-upstream", "all", "--undo"]);
    internet.wait_until_well(NEAR, 2).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_world_whose_holder_was_killed() {
    if cannot("`down` after kill -9") {
        return;
    }
    let internet = Internet::start(1, WORLD).await;
    let data = internet.world().data();
    let state = std::fs::read(data.join("world.json")).expect("it is written down");
    let state: Value = serde_json::from_slice(&state).expect("a JSON document");
    let spaces: Vec<&str> = state["spaces"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        spaces.len(),
        9,
        "a router, a machine and clients in each region"
    );
    let pids = || -> Vec<String> {
        let running = |space: &&str| tool("ip", &["netns", "pids", space]).out;
        let all: Vec<String> = spaces.iter().map(running).collect();
        all.iter()
            .flat_map(|pids| pids.split_whitespace())
            .map(str::to_owned)
            .collect()
    };
    let before = pids();
    assert!(before.len() >= 3 * 6, "{before:?}");
    // Frozen, it would not even notice that it shall end.
    internet.fault(&["freeze", NEAR]);
    tool("kill", &["-KILL", &internet.world().pid().to_string()]);
    let down = tidegate(&["down", "--data", &data.display().to_string()]);
    assert_eq!(down.code, 0, "{}{}", down.out, down.err);
    for space in spaces {
        assert!(
            !std::path::Path::new("/run/netns").join(space).exists(),
            "{space} is left"
        );
    }
    // The dead that nobody has buried have no command line.
    let line = |pid: &String| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let alive = |pid: &&String| !line(pid).is_empty();
    assert_eq!(before.iter().filter(alive).count(), 0, "processes are left");
}

#[test]
fn what_we_ship_for_bird_is_right() {
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/bird");
    for conf in ["node.conf", "router.conf"] {
        let conf = deploy.join(conf).display().to_string();
        if can_have_internet() {
            let parsed = tool("bird", &["-p", "-c", &conf]);
            assert_eq!(parsed.code, 0, "{}{}", parsed.out, parsed.err);
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = |from: &std::path::Path, name: &str| {
        std::fs::copy(from, folder.path().join(name)).expect("readable");
    };
    copy(&deploy.join("region.yaml"), "us-east-1.yaml");
    let world = format!("regions:\n  us-east-1: {{ location: [38.9, -77.4] }}\n{WORLD}");
    std::fs::write(folder.path().join("world.yaml"), world).expect("writable");
    let checked = tidegate(&["check", &folder.path().display().to_string()]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);

    let text = std::fs::read_to_string(deploy.join("region.yaml")).expect("readable");
    let wrong = text
        .replace("tidegate_leaving", "\"a; disable all\"")
        .replace("203.0.113.1/32", "203.0.113.0/24");
    std::fs::write(folder.path().join("us-east-1.yaml"), wrong).expect("writable");
    let refused = tidegate(&["check", &folder.path().display().to_string()]);
    let said = refused.out + &refused.err;
    assert_ne!(refused.code, 0, "{said}");
    assert!(said.contains("no name of a protocol"), "{said}");
    assert!(said.contains("single addresses only"), "{said}");
}
