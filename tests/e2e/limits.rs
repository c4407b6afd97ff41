//! One limit for the whole world: what six nodes in three regions admit together.

use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use harness::{Client, Load, Tally, World, WorldText, report};

use crate::WORLD;

const LIMIT: usize = 1_000;
const WINDOW: Duration = Duration::from_secs(60);
/// The table's header comes before its first row.
static HEADER: Once = Once::new();
/// Ten times the limit.
const DEMAND_PER_SECOND: f64 = 10.0 * LIMIT as f64 / 60.0;

/// How long clients ask. The fill at ten times the limit takes six seconds; the rest of the time
/// all must stay refused.
const LASTS: Duration = Duration::from_secs(25);

/// Waits until the window has room for something that lasts so long: a fresh key's counts begin at
/// nothing anywhere in a window, but must not be looked at across its end.
async fn room(lasts: Duration) -> Instant {
    let since = SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock after 1970");
    let left = WINDOW - Duration::from_nanos((since.as_nanos() % WINDOW.as_nanos()) as u64);
    if left < lasts + Duration::from_secs(1) {
        tokio::time::sleep(left).await;
    }
    Instant::now()
}

/// A row of README's table.
fn row(text: &str) {
    HEADER.call_once(|| {
        report("\n| one key, three regions | limit | admitted | error | refused | no answer |");
        report("| --- | --- | --- | --- | --- | --- |");
    });
    report(text);
}

/// The row of README's table, and the judgement.
fn judge(what: &str, tally: &Tally, tolerance: f64) {
    let (admitted, refused) = (tally.count(200), tally.count(429));
    let others = tally.others(&[200, 429]);
    let error = (admitted as f64 / LIMIT as f64 - 1.0) * 100.0;
    row(&format!(
        "| {what} | {LIMIT} | {admitted} | {error:+.1} % | {refused} | {others} |"
    ));
    assert!(
        error.abs() <= tolerance * 100.0,
        "{what}: {admitted} of {LIMIT} admitted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn six_nodes_that_do_not_ask_each_other_admit_one_limit() {
    let world = World::start(WorldText::three_regions(2, WORLD), &[]).await;
    let load = |key: &str, begins: Instant| Load {
        doors: world.doors(),
        key: key.to_owned(),
        per_second: DEMAND_PER_SECOND,
        until: begins + LASTS,
    };

    // A fresh key, 600 at once on one node: nobody is refused.
    let fresh = world.key("fresh");
    room(LASTS).await;
    let burst = burst(&world, &fresh, 600).await;
    row(&format!(
        "| a fresh key, 600 at once on one node | {LIMIT} | {burst} | - | {} | 0 |",
        600 - burst
    ));
    assert_eq!(burst, 600);

    let steady = world.key("steady");
    let begins = room(LASTS).await;
    judge("steady", &load(&steady, begins).run().await, 0.02);

    let cut = world.key("cut");
    let alone = Duration::from_secs(5);
    let begins = room(alone + LASTS).await + alone;
    world.lab("cut", "ap-southeast-1");
    tokio::time::sleep_until(begins.into()).await;
    let tally = load(&cut, begins).run().await;
    world.lab("heal", "ap-southeast-1");
    judge("one region's mesh links cut", &tally, 0.05);

    let crash = world.key("crash");
    let begins = room(LASTS).await;
    let kill = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.lab("kill", "us-east-1/b");
    };
    let (tally, ()) = tokio::join!(load(&crash, begins).run(), kill);
    judge("one node killed (kill -9) after 2 s", &tally, 0.05);
}

/// Sends `n` requests at once to one node. Returns how many were admitted.
async fn burst(world: &World, key: &str, n: usize) -> usize {
    const CONNECTIONS: usize = 50;
    let door = world.doors()[0];
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let key = key.to_owned();
            tokio::spawn(async move {
                let mut client = Client::new(door);
                let mut admitted = 0;
                for _ in 0..n / CONNECTIONS {
                    let answer = client.get("/api/burst", &[("x-api-key", &key)]).await;
                    admitted += usize::from(answer.is_ok_and(|a| a.status == 200));
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for sender in senders {
        admitted += sender.await.expect("a sender does not panic");
    }
    admitted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counts_way_round_the_world_takes_as_long_as_light_and_no_limit_suffers() {
    let world = World::start(WorldText::three_regions(1, WORLD), &["--wan"]).await;
    let key = world.key("far");
    let begins = room(LASTS).await;
    let load = Load {
        doors: world.doors(),
        key,
        per_second: DEMAND_PER_SECOND,
        until: begins + Duration::from_secs(15),
    };
    judge(
        "steady, with the globe's distances (--wan, three nodes)",
        &load.run().await,
        0.03,
    );
}
