mod kinds;
mod room;
mod silence;
mod strict;
mod untold;
mod worst;

use std::num::NonZeroU32;

use proptest::prelude::*;
use rand::RngExt;
use tidegate_model::{Epoch, Mono, NodeId, Seed, Wall};

use super::*;
use crate::digest::shard_of;
use crate::subject::LimitIx;
use crate::{
    Algorithm, Ask, Batch, Delta, Group, Limit, LimitId, LimitSpec, Scope, TableSpec, Update,
    Window, WindowIx,
};

/// What may happen, with where and how much.
type Step = (u8, u8, u8);

/// Looks for the steps that score most: from random ones, changing some and keeping what is no
/// worse. Returns the most that was found.
fn search(seed: u64, score: impl Fn(&[Step]) -> u32) -> u32 {
    let mut rng = Seed::new(seed).rng();
    let mut step = || {
        let number: u32 = rng.random();
        let [what, place, how, pick] = number.to_le_bytes();
        ((what, place, how), pick)
    };
    let mut best: Vec<Step> = (0..30).map(|_| step().0).collect();
    let mut most = score(&best);
    for _ in 0..600 {
        let mut steps = best.clone();
        for _ in 0..3 {
            let (new, pick) = step();
            let at = usize::from(pick) % steps.len();
            match new.2 % 3 {
                0 => steps[at] = new,
                1 if steps.len() < 60 => steps.insert(at, new),
                _ if steps.len() > 5 => drop(steps.remove(at)),
                _ => steps.swap(0, at),
            }
        }
        let found = score(&steps);
        if found >= most {
            (best, most) = (steps, found);
        }
    }
    most
}

/// A node's limiter: table and counters, and how it would be asked.
struct Node {
    table: Arc<Table>,
    counters: Counters,
    limit: Limit,
    ix: LimitIx,
}

const REGIONS: [&str; 3] = ["us", "eu", "ap"];

fn node(name: &str, epoch: u64, spec: &LimitSpec) -> Node {
    let table = Arc::new(Table::new(TableSpec {
        subjects_max: 1_024,
    }));
    let limit = Limit::new("l", spec);
    let ix = table.register(&limit).unwrap();
    let node: NodeId = name.parse().unwrap();
    let regions = REGIONS.iter().map(|r| r.parse().unwrap()).collect();
    let spec = CountersSpec {
        actor: Actor {
            node,
            epoch: Epoch(epoch),
        },
        regions,
        nodes: Vec::new(),
        born: Wall::default(),
    };
    Node {
        counters: Counters::new(Arc::clone(&table), spec),
        table,
        limit,
        ix,
    }
}

fn spec(amount: u32, window: &str, scope: Scope) -> LimitSpec {
    let amount = NonZeroU32::new(amount).unwrap();
    LimitSpec {
        algorithm: Algorithm::Fixed,
        scope,
        ..LimitSpec::new(amount, window.parse().unwrap())
    }
}

fn sliding(amount: u32, window: &str) -> LimitSpec {
    LimitSpec {
        algorithm: Algorithm::Sliding,
        ..spec(amount, window, Scope::Global)
    }
}

fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(1_200_000_000_000 + ms * 1_000),
    }
}

impl Node {
    fn subject(&self, who: &str) -> SubjectKey {
        SubjectKey::new(1, self.limit.id, who.as_bytes())
    }

    fn asks(&self, who: &str, now: Now) -> bool {
        let subject = self.subject(who);
        let ask = Ask {
            limit: &self.limit,
            ix: self.ix,
            subject,
            amount: self.limit.amount,
            cost: 1,
        };
        self.table.decide(now, &[ask]).admitted
    }

    /// How many of `n` requests at once are admitted.
    fn burst(&self, who: &str, n: usize, now: Now) -> usize {
        (0..n).filter(|_| self.asks(who, now)).count()
    }

    fn tell(&mut self, other: &mut Self, audience: Audience, now: Now) -> Absorbed {
        self.counters.collect(now);
        let batch = self.counters.export(audience, 100, now);
        batch.map_or_else(Absorbed::default, |b| {
            other.counters.absorb(&b, audience, Duration::ZERO, now)
        })
    }

    fn admitted(&self, who: &str, now: Now) -> u32 {
        self.counters
            .known(self.subject(who), now)
            .iter()
            .map(|(_, count)| count.admitted)
            .sum()
    }
}

#[test]
fn what_one_node_admits_another_does_not_admit_again() {
    let spec = spec(10, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    assert_eq!(a.burst("k", 7, at(0)), 7);
    a.tell(&mut b, Audience::Mates, at(5));
    // Seconds after the burst its rate has fallen, and b is told; before, b would reckon with more
    // of the same.
    a.counters.refresh(at(3_100));
    a.tell(&mut b, Audience::Mates, at(3_105));
    assert_eq!(b.burst("k", 10, at(4_000)), 3);
    b.tell(&mut a, Audience::Mates, at(4_005));
    b.counters.refresh(at(6_000));
    b.tell(&mut a, Audience::Mates, at(6_005));
    assert_eq!(a.burst("k", 10, at(7_000)), 0);
}

#[test]
fn what_is_under_way_is_reckoned_with() {
    let spec = spec(1_000, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    // a is asked 1,000 times a second for 600 ms and speaks every 10 ms; then a's words stop
    // arriving.
    let mut admitted = 0;
    for ms in 0..600 {
        admitted += a.burst("k", 1, at(ms));
        if ms % 10 == 9 {
            a.tell(&mut b, Audience::Mates, at(ms));
        }
    }
    assert_eq!(admitted, 600);
    // 100 ms later b takes about 100 more to be under way.
    let free = b.burst("k", 1_000, at(700));
    assert!((280..320).contains(&free), "{free}");
}

#[test]
fn a_peer_that_no_longer_speaks_is_not_believed_to_go_on() {
    let spec = spec(1_000, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    for ms in 0..300 {
        a.burst("k", 1, at(ms));
        if ms % 10 == 9 {
            a.tell(&mut b, Audience::Mates, at(ms));
        }
    }
    b.counters.refresh(at(1_950));
    assert!(b.asks("k", at(2_000)));
    assert_eq!(b.burst("k", 1_000, at(2_000)), 699);
}

#[test]
fn a_peer_that_is_silent_while_its_region_speaks_admits_nothing() {
    let spec = spec(1_000, "1m", Scope::Global);
    let (mut a, mut c) = (node("eu/a", 1, &spec), node("eu/c", 1, &spec));
    let mut b = node("us/b", 1, &spec);
    // a is asked 1,000 times a second and then no more; c goes on being asked now and then.
    for ms in 0..600 {
        if ms < 300 {
            a.burst("k", 1, at(ms));
        }
        if ms % 10 == 9 {
            c.burst("k", 1, at(ms));
            c.tell(&mut b, Audience::World, at(ms));
            if ms < 300 {
                a.tell(&mut b, Audience::World, at(ms));
            }
        }
    }
    // 360 were told of; what a may not have told yet, and c's next, are 30 or 40 more.
    let free = b.burst("k", 1_000, at(600));
    assert!((595..620).contains(&free), "{free}");
}

#[test]
fn one_request_is_no_rate() {
    let spec = spec(10, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    assert!(a.asks("k", at(0)));
    a.tell(&mut b, Audience::Mates, at(10));
    assert_eq!(b.burst("k", 20, at(110)), 9);
}

#[test]
fn a_restarted_node_neither_loses_nor_doubles_its_earlier_counts() {
    let spec = spec(100, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    assert_eq!(a.burst("k", 30, at(0)), 30);
    a.tell(&mut b, Audience::Mates, at(10));
    let mut again = node("us/a", 2, &spec);
    let all: Vec<u8> = (0..=255).collect();
    for batch in b
        .counters
        .export_shards(&all, Audience::Mates, 100, at(3_000))
    {
        again
            .counters
            .absorb(&batch, Audience::Mates, Duration::ZERO, at(3_000));
    }
    assert_eq!(again.admitted("k", at(3_000)), 30);
    assert_eq!(again.burst("k", 100, at(3_000)), 70);
    again.tell(&mut b, Audience::Mates, at(3_010));
    assert_eq!(b.admitted("k", at(3_010)), 100);
    // Its old counts come back to it by another way.
    for batch in b
        .counters
        .export_shards(&all, Audience::Mates, 100, at(3_100))
    {
        again
            .counters
            .absorb(&batch, Audience::Mates, Duration::ZERO, at(3_100));
    }
    assert_eq!(again.admitted("k", at(3_100)), 100);
}

#[test]
fn news_travels_from_a_node_over_the_borders_to_every_node_and_not_in_circles() {
    let spec = spec(100, "1m", Scope::Global);
    let (mut us_a, mut us_b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    let (mut eu_a, mut eu_b) = (node("eu/a", 1, &spec), node("eu/b", 1, &spec));
    us_a.burst("k", 9, at(0));
    assert_eq!(us_a.tell(&mut us_b, Audience::Mates, at(1)).learned, 1);
    assert_eq!(us_b.tell(&mut eu_a, Audience::World, at(2)).learned, 1);
    assert_eq!(eu_a.tell(&mut eu_b, Audience::Mates, at(3)).learned, 1);
    assert_eq!(eu_b.admitted("k", at(4)), 9);
    for quiet in [&eu_a, &eu_b] {
        assert!(
            !quiet.counters.has_news(Audience::World) && !quiet.counters.has_news(Audience::Mates)
        );
    }
}

#[test]
fn a_region_limit_stays_in_its_region() {
    let spec = spec(10, "1m", Scope::Region);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    a.burst("k", 5, at(0));
    a.counters.collect(at(1));
    assert!(a.counters.export(Audience::World, 100, at(1)).is_none());
    assert_eq!(a.tell(&mut b, Audience::Mates, at(2)).learned, 1);
}

#[test]
fn what_is_malformed_changes_nothing() {
    let spec = spec(10, "1s", Scope::Global);
    let mut us = node("us/a", 1, &spec);
    let actor = Actor {
        node: "eu/a".parse().unwrap(),
        epoch: Epoch(1),
    };
    let window = Window::at(at(0).wall, Duration::from_secs(1)).ix;
    let good = Update {
        subject: [7; 8],
        admitted: 1,
        refused: 0,
        rate_deci: 0,
        age_ms: 0,
    };
    let batch = |limit, window, update| Batch {
        deltas: vec![Delta {
            actor: actor.clone(),
            groups: vec![Group {
                limit,
                window,
                updates: vec![update],
            }],
        }],
    };
    let id = us.limit.id;
    let mut absorb = |b: &Batch| {
        us.counters
            .absorb(b, Audience::World, Duration::ZERO, at(0))
    };
    assert_eq!(absorb(&batch(LimitId(1), window, good)).unknown_limit, 1);
    for far in [
        WindowIx(0),
        WindowIx(window.0 - 2),
        WindowIx(window.0 + 2),
        WindowIx(u32::MAX),
    ] {
        assert_eq!(absorb(&batch(id, far, good)).out_of_window, 1, "{far:?}");
    }
    for (why, bad) in [
        (
            "more than can be counted",
            Update {
                admitted: u32::MAX,
                refused: 1,
                ..good
            },
        ),
        (
            "faster than can be",
            Update {
                rate_deci: u32::MAX,
                ..good
            },
        ),
    ] {
        assert_eq!(absorb(&batch(id, window, bad)).implausible, 1, "{why}");
    }
    assert_eq!(
        absorb(&batch(id, window.next(), good)).learned,
        1,
        "a clock a little ahead is fine"
    );
    assert_eq!(
        us.counters
            .known(SubjectKey::from_raw(u64::from_le_bytes([7; 8])), at(0))[1]
            .1
            .admitted,
        0,
        "not yet"
    );
}

#[test]
fn more_subjects_than_there_is_room_for_are_dropped_and_counted() {
    let spec = spec(10, "1s", Scope::Global);
    let mut us = node("us/a", 1, &spec);
    let window = Window::at(at(0).wall, Duration::from_secs(1)).ix;
    let updates = (1..5_000_u64)
        .map(|i| Update {
            subject: xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()).to_le_bytes(),
            admitted: 1,
            refused: 0,
            rate_deci: 0,
            age_ms: u32::MAX,
        })
        .collect();
    let actor = Actor {
        node: "eu/a".parse().unwrap(),
        epoch: Epoch(1),
    };
    let groups = vec![Group {
        limit: us.limit.id,
        window,
        updates,
    }];
    let report = us.counters.absorb(
        &Batch {
            deltas: vec![Delta { actor, groups }],
        },
        Audience::World,
        Duration::ZERO,
        at(0),
    );
    assert_eq!(report.learned + report.no_room, 4_999);
    assert!(
        report.no_room > 3_900 && us.counters.sizes().0 <= 1_024,
        "{report:?}"
    );
}

#[test]
fn subjects_are_forgotten_when_their_windows_are_over() {
    let spec = spec(10, "1s", Scope::Global);
    let mut us = node("us/a", 1, &spec);
    for i in 0..500 {
        us.asks(&format!("k{i}"), at(0));
    }
    us.counters.collect(at(0));
    assert_eq!(us.counters.sizes().0, 500);
    for ms in (0..20_000).step_by(100) {
        us.asks("busy", at(ms));
        us.counters.collect(at(ms));
        us.counters.refresh(at(ms));
        us.counters.sweep(at(ms));
    }
    assert_eq!(us.counters.sizes().0, 1, "only the busy one is left");
    assert_eq!(
        us.burst("k1", 20, at(20_000)),
        10,
        "and the others may come back"
    );
}

#[test]
fn digests_agree_at_rest_and_name_what_was_lost() {
    let spec = spec(1_000, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    for i in 0..50 {
        a.asks(&format!("k{i}"), at(0));
    }
    a.tell(&mut b, Audience::Mates, at(10));
    let digest = |n: &Node, ms| n.counters.digest(Audience::Mates, at(ms));
    assert_eq!(digest(&a, 3_000), digest(&b, 3_000));
    a.burst("k7", 5, at(4_000));
    a.counters.collect(at(4_000));
    let _lost = a.counters.export(Audience::Mates, 100, at(4_000));
    let differing = digest(&a, 6_000).differing(&digest(&b, 6_000));
    assert_eq!(differing, [shard_of(a.subject("k7"))]);
    for batch in a
        .counters
        .export_shards(&differing, Audience::Mates, 100, at(6_000))
    {
        b.counters
            .absorb(&batch, Audience::Mates, Duration::ZERO, at(6_000));
    }
    assert_eq!(b.admitted("k7", at(6_000)), 6);
}

proptest! {
    #[test]
    fn whatever_is_lost_repeated_or_late_counts_converge(
        script in prop::collection::vec((0_usize..3, 0_usize..3, 0_u8..4), 1..60),
    ) {
        let spec = spec(1_000_000, "1h", Scope::Global);
        let mut nodes: Vec<Node> =
            ["us/a", "us/b", "us/c"].iter().map(|name| node(name, 1, &spec)).collect();
        let mut mail: Vec<(usize, Batch)> = Vec::new();
        let mut total = 0;
        for (step, (who, to, what)) in script.into_iter().enumerate() {
            let now = at(step as u64 * 7);
            match what {
                0 | 1 => total += nodes[who].burst("k", 1 + to, now),
                2 => {
                    nodes[who].counters.collect(now);
                    mail.extend(nodes[who].counters.export(Audience::Mates, 10, now).map(|batch| (who, batch)));
                }
                // Deliver some message, perhaps again, and keep it.
                _ => if let Some((from, batch)) = mail.get(to % mail.len().max(1)) && *from != who {
                    nodes[who].counters.absorb(batch, Audience::Mates, Duration::from_millis(3), now);
                },
            }
        }
        let all: Vec<u8> = (0..=255).collect();
        for round in 0..2 {
            let now = at(100_000 + round);
            for from in 0..3 {
                nodes[from].counters.collect(now);
                for batch in nodes[from].counters.export_shards(&all, Audience::Mates, 100, now) {
                    for to in (0..3).filter(|to| *to != from) {
                        nodes[to].counters.absorb(&batch, Audience::Mates, Duration::ZERO, now);
                    }
                }
            }
        }
        for node in &nodes {
            prop_assert_eq!(node.admitted("k", at(100_002)) as usize, total);
        }
    }
}

#[test]
fn the_last_window_weighs_on_all_nodes() {
    let spec = sliding(100, "1s");
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    // The last of a's requests come so late that the next window has begun when they are collected.
    assert_eq!(a.burst("k", 40, at(500)), 40);
    a.tell(&mut b, Audience::Mates, at(510));
    assert_eq!(a.burst("k", 40, at(999)), 40);
    assert_eq!(a.burst("k", 10, at(1_001)), 10);
    a.tell(&mut b, Audience::Mates, at(1_002));
    // Long after, so that no rate is left: 10 in this window, and 80 * 0.1 of the last.
    for node in [&mut a, &mut b] {
        node.counters.refresh(at(1_850));
    }
    a.tell(&mut b, Audience::Mates, at(1_850));
    assert_eq!(b.burst("k", 200, at(1_900)), 100 - 10 - 8);
}

#[test]
fn a_node_that_learns_anew_knows_the_last_window_too() {
    let spec = sliding(100, "1s");
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    assert_eq!(a.burst("k", 60, at(100)), 60);
    a.counters.collect(at(110));
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for batch in a
        .counters
        .export_shards(&all, Audience::Mates, 100, at(1_700))
    {
        b.counters
            .absorb(&batch, Audience::Mates, Duration::ZERO, at(1_700));
    }
    assert_eq!(b.burst("k", 200, at(1_750)), 100 - 15);
}

#[test]
fn windows_that_are_over_are_compared_with_what_was_allowed() {
    let spec = spec(100, "1s", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    // In each window both admit eighty at once, unheard.
    for window in 0..4 {
        let ms = window * 1_000;
        assert_eq!(a.burst("k", 80, at(ms)), 80);
        assert_eq!(b.burst("k", 80, at(ms)), 80);
        for later in (50..1_000).step_by(50) {
            a.tell(&mut b, Audience::Mates, at(ms + later));
            b.tell(&mut a, Audience::Mates, at(ms + later));
            a.counters.refresh(at(ms + later));
            b.counters.refresh(at(ms + later));
        }
    }
    for judged in [a.counters.judged(a.ix), b.counters.judged(b.ix)] {
        assert_eq!(
            (judged.windows, judged.allowed),
            (3, 300),
            "the last is not over"
        );
        assert_eq!((judged.over, judged.under), (180, 0));
        assert_eq!(judged.worst, 300, "as much again by the other");
        assert!(judged.expected > 0.0);
    }
}

#[test]
fn the_hottest_subjects_of_all_nodes_are_found_and_no_more_than_asked_for() {
    let spec = spec(10, "1m", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    for (who, n) in [("cold", 1), ("warm", 14), ("hot", 30)] {
        a.burst(who, n, at(0));
    }
    a.tell(&mut b, Audience::Mates, at(10));
    for node in [&a, &b] {
        let top = node.counters.top(None, TopBy::Refused, 2, at(20));
        assert_eq!((top.hot, top.looked_at), (3, 3));
        let rows: Vec<_> = top.rows.iter().map(|(_, row)| row).collect();
        let found: Vec<_> = rows.iter().map(|row| row.subject).collect();
        assert_eq!(found, [a.subject("hot"), a.subject("warm")]);
        let hot = rows[0];
        assert_eq!((hot.admitted, hot.refused, hot.amount), (10, 20, 10));
        assert_eq!(hot.regions.len(), 1, "only us was asked for it");
        assert!(hot.full >= 1.0 && hot.asked_per_s > 100.0, "{hot:?}");
    }
    let other = LimitId(7);
    assert!(
        a.counters
            .top(Some(other), TopBy::Asked, 9, at(20))
            .rows
            .is_empty()
    );
}

#[test]
fn a_closer_look_tells_what_each_node_said_and_what_is_left() {
    let spec = sliding(100, "1m");
    let (mut a, mut b) = (node("us/a", 1, &spec), node("eu/b", 1, &spec));
    a.burst("k", 30, at(0));
    a.tell(&mut b, Audience::World, at(10));
    a.counters.refresh(at(2_000));
    a.tell(&mut b, Audience::World, at(2_000));
    b.burst("k", 5, at(2_000));
    b.counters.collect(at(2_000));
    let look = |now| b.counters.inspect(b.subject("k"), now).expect("known").1;
    let view = look(at(2_100));
    assert_eq!((view.window.admitted, view.left, view.carried), (35, 65, 0));
    assert_eq!(view.ends_in_ms, 60_000 - 2_100);
    let words: Vec<_> = view
        .nodes
        .iter()
        .map(|n| (n.node.to_string(), n.window.admitted))
        .collect();
    assert_eq!(words, [("eu/b".to_owned(), 5), ("us/a".to_owned(), 30)]);
    let half_a_window_on = look(at(90_000));
    assert_eq!(half_a_window_on.window_before.admitted, 35);
    assert_eq!((half_a_window_on.carried, half_a_window_on.left), (17, 83));
    assert!(b.counters.inspect(b.subject("nobody"), at(2_100)).is_none());
}

#[test]
fn a_subject_under_a_fresh_name_starts_from_nothing_and_is_shown_by_its_own() {
    let spec = spec(10, "1m", Scope::Global);
    let mut a = node("us/a", 1, &spec);
    assert_eq!(a.burst("k", 12, at(0)), 10);
    a.counters.collect(at(0));
    let subject = a.subject("k");
    let name = SubjectKey::from_raw(99);
    let until = a.limit.windows.at(at(0).wall).ix.next();
    a.table.set_renames([crate::Rename {
        subject,
        name,
        until,
    }]);
    assert_eq!(a.burst("k", 4, at(10)), 4);
    a.counters.collect(at(10));
    let (_, view) = a.counters.inspect(subject, at(20)).expect("known");
    assert_eq!((view.counted_as, view.window.admitted), (Some(name), 4));
    let top = a.counters.top(None, TopBy::Asked, 9, at(20));
    assert!(
        top.rows.iter().all(|(_, row)| row.subject == subject),
        "{top:?}"
    );
    assert_eq!(
        a.burst("k", 12, at(60_000)),
        10,
        "its own name, in the next window"
    );
}
