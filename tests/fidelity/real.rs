//! A plan, played by real processes in real time.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::{Load, Outcome, Tally, World, WorldText};
use tidegate_model::Period;
use tidegate_sim::{Client, ClientSource, FaultKind, Plan};

use crate::figures::Figures;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];

pub(crate) async fn play(plan: &Plan, text: &str, length: Duration) -> Figures {
    let names: Vec<&str> = plan.regions.keys().map(String::as_str).collect();
    assert!(
        names.len() == REGIONS.len() && REGIONS.iter().all(|name| names.contains(name)),
        "a plan for both worlds has the three regions that are there if it names none"
    );
    let world = World::start(
        WorldText::three_regions(usize::from(plan.nodes), &world_text(text)),
        &["--wan"],
    )
    .await;
    let mut streams = Vec::new();
    for client in &plan.clients {
        streams.push((client, world.key(&client.key)));
    }
    until_a_window_begins(length).await;
    let begun = Instant::now();
    let loads = streams
        .into_iter()
        .map(|(client, key)| stream(&world, plan, client, key, begun));
    let loads: Vec<_> = loads
        .map(|(start, load)| {
            tokio::spawn(async move {
                tokio::time::sleep_until(start.into()).await;
                load.run().await
            })
        })
        .collect();
    break_things(&world, plan, begun).await;
    let mut figures = Figures {
        limit: u64::from(plan.limit.amount.get()),
        ..Figures::default()
    };
    for (client, load) in plan.clients.iter().zip(loads) {
        let tally = load.await.expect("a load does not panic");
        count(&mut figures, client, &tally, begun, length);
    }
    assert_eq!(world.stop(), 0);
    figures
}

/// The plan's limit, as it is written there, in a world that is otherwise like that of tests.
fn world_text(plan: &str) -> String {
    let limit = plan.lines().find_map(|line| line.strip_prefix("limit:"));
    let limit = limit.expect("the plan's limit stands in one line");
    format!(
        "upstreams:\n  echo: {{ health: {{ interval: 1s, timeout: 1s }} }}\nlimits:\n  limit: {limit}\nkeys: {{ env: test }}\n\
         routes:\n  limited: {{ path: /api/*, upstream: echo, limits: [limit] }}\n"
    )
}

/// Both worlds begin with a window.
async fn until_a_window_begins(length: Duration) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let into = now.as_micros() % length.as_micros();
    let left = length.as_micros() - into;
    tokio::time::sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0))).await;
}

fn stream(
    world: &World,
    plan: &Plan,
    client: &Client,
    key: String,
    begun: Instant,
) -> (Instant, Load) {
    assert!(client.burst == 0 && client.keys == 1, "streams of one key");
    let doors: Vec<SocketAddr> = match &client.from.value {
        ClientSource::Everywhere => REGIONS.iter().map(|region| world.front(region)).collect(),
        // So many times, since a load has few connections to a door, and distance keeps them busy.
        ClientSource::Near(region) => vec![world.front(region); 8],
        ClientSource::AllNodes => world.doors(),
        other => panic!("{other:?} is not played by real processes"),
    };
    let lasts = client.stop.unwrap_or(plan.run_for).get();
    let start = begun + client.start.map_or(Duration::ZERO, Period::get);
    let load = Load {
        doors,
        key,
        per_second: client.per_second,
        until: begun + lasts,
    };
    (start, load)
}

async fn break_things(world: &World, plan: &Plan, begun: Instant) {
    let mut faults: Vec<_> = plan.faults.iter().map(|fault| &fault.value).collect();
    faults.sort_by_key(|fault| fault.at.get());
    for fault in faults {
        tokio::time::sleep_until((begun + fault.at.get()).into()).await;
        let (verb, places): (&str, Vec<String>) = match &fault.what {
            FaultKind::Crash(node) => ("kill", vec![node.to_string()]),
            FaultKind::Restart(node) => ("start", vec![node.to_string()]),
            FaultKind::CrashRegion(region) => ("kill", vec![region.to_string()]),
            FaultKind::RestartRegion(region) => ("start", vec![region.to_string()]),
            FaultKind::Cut(region) => ("cut", vec![region.to_string()]),
            FaultKind::Heal(region) => ("heal", vec![region.to_string()]),
            FaultKind::Ill(region) => ("kill", services(region.as_str())),
            FaultKind::Well(region) => ("start", services(region.as_str())),
            other => panic!("{other:?} is not played by real processes"),
        };
        for place in places {
            world.lab(verb, &place);
        }
    }
}

fn services(region: &str) -> Vec<String> {
    (1..=2).map(|n| format!("echo-{n}.{region}")).collect()
}

fn count(figures: &mut Figures, client: &Client, tally: &Tally, begun: Instant, length: Duration) {
    for outcome in &tally.outcomes {
        match outcome.status {
            200 => figures.admitted += 1,
            429 => figures.limited += 1,
            _ => figures.failed += 1,
        }
        if matches!(outcome.status, 200 | 429) {
            let at = outcome.at.saturating_duration_since(begun).as_micros() / length.as_micros();
            let at = u64::try_from(at).unwrap_or(0);
            let window = figures.windows.entry((client.key.clone(), at)).or_default();
            window.0 += 1;
            window.1 += u64::from(outcome.status == 200);
        }
    }
    figures.outage = figures.outage.max(longest_outage(&tally.outcomes));
}

/// From the first request that failed to the next that was answered. A door that is one of several
/// is not told apart: what counts is whether a client who tries on is answered.
fn longest_outage(outcomes: &[Outcome]) -> Duration {
    let (mut longest, mut since) = (Duration::ZERO, None);
    for outcome in outcomes {
        match (since, matches!(outcome.status, 200 | 429)) {
            (None, false) => since = Some(outcome.at),
            (Some(first), true) => {
                longest = longest.max(outcome.ended.saturating_duration_since(first));
                since = None;
            }
            (None, true) | (Some(_), false) => {}
        }
    }
    longest
}
