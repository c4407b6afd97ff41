//! Failover by real routers: two regions announce one address through BIRD, and clients never stop
//! asking. Root only. Bounds here are loose, for busy machines; the report has the figures.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use harness::{Asked, Internet, REGIONS, can_have_internet, report};

use crate::WORLD;

/// One internet at a time.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// What a fault did to clients.
struct Seen {
    /// From the fault to the begin of the last request that failed.
    last_failed: Duration,
    failures: Vec<Asked>,
}

/// Breaks something under requests. `None` where networks cannot be made.
fn see(
    what: &str,
    bound: Duration,
    watch: Duration,
    break_it: impl FnOnce(&Internet),
) -> Option<Seen> {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if !can_have_internet() {
        report(&format!(
            "{what}: not run, it needs root, bird2 and iproute2."
        ));
        return None;
    }
    let internet = Internet::start(WORLD);
    let asking = internet.ask();
    std::thread::sleep(Duration::from_secs(1));
    let at = Instant::now();
    break_it(&internet);
    std::thread::sleep(watch);
    let asked = asking.end();
    let (before, after): (Vec<_>, Vec<_>) = asked.into_iter().partition(|asked| asked.begun < at);
    let good = |asked: &&Asked| asked.outcome.as_deref() == Ok(REGIONS[0]);
    assert!(
        before.iter().filter(good).count() > 50,
        "the near region answers: {before:?}"
    );
    let end = after.last().expect("clients asked on");
    assert_eq!(
        end.outcome.as_deref(),
        Ok(REGIONS[1]),
        "{what}: the far region answers in the end"
    );
    // Those that were begun just before are hit as well.
    let all = before.into_iter().chain(after);
    let failures: Vec<Asked> = all.filter(|asked| asked.outcome.is_err()).collect();
    let last_failed = failures.last().map_or(Duration::ZERO, |failed| {
        failed.begun.saturating_duration_since(at)
    });
    report(&format!(
        "anycast, {what}: the last failed request began {} ms after it (goal: {} ms); {} requests failed, {} of them on kept connections.",
        last_failed.as_millis(),
        bound.as_millis(),
        failures.len(),
        failures.iter().filter(|failed| failed.kept).count(),
    ));
    // Four times the goal: this machine may be busy with other things.
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for error in failures
        .iter()
        .filter_map(|failed| failed.outcome.as_ref().err())
    {
        *kinds.entry(error).or_default() += 1;
    }
    assert!(
        last_failed <= bound * 4,
        "{what}: {last_failed:?}, {kinds:?}"
    );
    Some(Seen {
        last_failed,
        failures,
    })
}

const QUARTER: Duration = Duration::from_millis(250);
const WATCH: Duration = Duration::from_secs(3);

#[test]
fn a_region_whose_node_is_killed_loses_its_route_with_it() {
    see("kill -9 of the region's node", QUARTER, WATCH, |net| {
        net.signal("node-r0", "KILL");
    });
}

#[test]
fn a_region_whose_routing_daemon_is_killed_loses_its_route() {
    see("kill -9 of the region's BIRD", QUARTER, WATCH, |net| {
        net.signal("bird-r0", "KILL");
    });
}

#[test]
fn a_cut_link_is_seen_at_once() {
    see("link cut", QUARTER, WATCH, Internet::cut_link);
}

#[test]
fn a_silent_blackhole_is_seen_by_bfd() {
    let seen = see(
        "silent blackhole",
        Duration::from_millis(500),
        WATCH,
        Internet::blackhole,
    );
    // If nobody lost anything, nothing was broken.
    assert!(seen.is_none_or(|seen| seen.last_failed > Duration::ZERO));
}

#[test]
fn a_frozen_node_is_withdrawn_by_its_watchdog() {
    let two = Duration::from_secs(2);
    let seen = see("node frozen", two, Duration::from_secs(10), |net| {
        net.signal("node-r0", "STOP");
    });
    assert!(seen.is_none_or(|seen| seen.last_failed > Duration::ZERO));
}

#[test]
fn a_node_that_thaws_is_announced_again() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if !can_have_internet() {
        return;
    }
    let internet = Internet::start(WORLD);
    let asking = internet.ask();
    internet.signal("node-r0", "STOP");
    std::thread::sleep(Duration::from_secs(4));
    let thawed = Instant::now();
    internet.signal("node-r0", "CONT");
    std::thread::sleep(Duration::from_secs(6));
    let asked = asking.end();
    let frozen: Vec<_> = asked.iter().filter(|asked| asked.begun < thawed).collect();
    let far = Ok(REGIONS[1].to_owned());
    assert!(
        frozen
            .iter()
            .rev()
            .take(50)
            .all(|asked| asked.outcome == far),
        "withdrawn while it is frozen"
    );
    let fresh = asked.iter().rev().filter(|asked| !asked.kept).take(50);
    let near = Ok(REGIONS[0].to_owned());
    assert!(
        fresh.into_iter().all(|asked| asked.outcome == near),
        "announced after it: {:?}",
        asked.last()
    );
    let back = asked
        .iter()
        .find(|asked| asked.begun >= thawed && asked.outcome == near);
    let back = back.map(|asked| asked.begun.saturating_duration_since(thawed).as_millis());
    report(&format!(
        "anycast, node thawed: clients are back after {} ms.",
        back.unwrap_or_default()
    ));
}

#[test]
fn a_node_that_is_restarted_at_once_is_not_announced_before_it_is_fit() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if !can_have_internet() {
        return;
    }
    let mut internet = Internet::start(WORLD);
    let asking = internet.ask();
    internet.signal("node-r0", "KILL");
    // Sooner than the watchdog would withdraw it.
    std::thread::sleep(Duration::from_millis(300));
    let restarted = Instant::now();
    internet.start_node(0);
    std::thread::sleep(Duration::from_secs(8));
    let asked = asking.end();
    let answered = |by: &str| {
        asked
            .iter()
            .filter(|asked| asked.begun >= restarted && !asked.kept)
            .filter(|asked| asked.outcome.as_deref() == Ok(by))
            .map(|asked| asked.begun)
            .collect::<Vec<_>>()
    };
    let (near, far) = (answered(REGIONS[0]), answered(REGIONS[1]));
    let first = near.first().expect("it comes back");
    // Requests that were begun while the route changed may arrive at either.
    let again = far.last().map_or(Duration::ZERO, |last| {
        last.saturating_duration_since(*first)
    });
    assert!(
        again < Duration::from_millis(100),
        "announced, withdrawn and announced: {again:?}"
    );
    let last = asked.iter().rev().find(|asked| !asked.kept);
    let last = last.expect("clients asked on");
    assert_eq!(last.outcome.as_deref(), Ok(REGIONS[0]), "it comes back");
}

#[test]
fn a_drained_region_loses_no_request() {
    let seen = see("planned drain", QUARTER, WATCH, Internet::drain);
    let Some(seen) = seen else { return };
    // A connection that is being made in the very moment in which the route changes is reset;
    // clients may repeat such a request, and none that was kept may be lost.
    assert!(
        seen.failures.iter().all(|failed| !failed.kept),
        "{:?}",
        seen.failures
    );
    assert!(seen.failures.len() <= 1, "{:?}", seen.failures);
}

#[test]
fn what_we_ship_for_bird_is_right() {
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/bird");
    for conf in ["node.conf", "router.conf"] {
        let conf = deploy.join(conf).display().to_string();
        if can_have_internet() {
            let parsed = harness::tool("bird", &["-p", "-c", &conf]);
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
    let checked = harness::tidegate(&["check", &folder.path().display().to_string()]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);

    let text = std::fs::read_to_string(deploy.join("region.yaml")).expect("readable");
    let wrong = text
        .replace("tidegate_leaving", "\"a; disable all\"")
        .replace("203.0.113.1/32", "203.0.113.0/24");
    std::fs::write(folder.path().join("us-east-1.yaml"), wrong).expect("writable");
    let refused = harness::tidegate(&["check", &folder.path().display().to_string()]);
    let said = refused.out + &refused.err;
    assert_ne!(refused.code, 0, "{said}");
    assert!(said.contains("no name of a protocol"), "{said}");
    assert!(said.contains("single addresses only"), "{said}");
}
