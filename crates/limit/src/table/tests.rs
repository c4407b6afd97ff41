use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_model::{Mono, Wall};

use super::*;
use crate::LimitSpec;

fn limit(name: &str, amount: u32, scope: Scope) -> Limit {
    let amount = NonZeroU32::new(amount).unwrap();
    Limit::new(
        name,
        &LimitSpec {
            algorithm: Algorithm::Fixed,
            scope,
            ..LimitSpec::new(amount, "1s".parse().unwrap())
        },
    )
}

fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(1_000_000_000_000 + ms * 1_000),
    }
}

fn ask<'l>(table: &Table, limit: &'l Limit, who: &str) -> Ask<'l> {
    let subject = SubjectKey::new(1, limit.id, who.as_bytes());
    Ask {
        limit,
        ix: table.register(limit).unwrap(),
        subject,
        amount: limit.amount,
        cost: 1,
    }
}

#[test]
fn exactly_the_amount_is_admitted_in_a_window() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let limit = limit("l", 5, Scope::Global);
    let ask = ask(&table, &limit, "a");
    for window in 0..3 {
        let admitted = (0..20)
            .filter(|i| table.decide(at(window * 1_000 + i * 10), &[ask]).admitted)
            .count();
        assert_eq!(admitted, 5, "window {window}");
    }
}

#[test]
fn verdicts_tell_what_remains_and_for_how_long() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let limit = limit("l", 2, Scope::Global);
    let ask = ask(&table, &limit, "a");
    let remaining: Vec<_> = (0..3)
        .map(|i| table.decide(at(i * 100), &[ask]).verdicts()[0].remaining)
        .collect();
    assert_eq!(remaining, [1, 0, 0]);
    assert_eq!(
        table.decide(at(400), &[ask]).verdicts()[0].left,
        Duration::from_millis(600)
    );
}

#[test]
fn a_request_that_one_limit_refuses_is_taken_from_none() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let (wide, narrow) = (
        limit("wide", 10, Scope::Global),
        limit("narrow", 2, Scope::Node),
    );
    let both = [ask(&table, &wide, "a"), ask(&table, &narrow, "a")];
    for _ in 0..5 {
        assert_eq!(table.decide(at(0), &both).verdicts().len(), 2);
    }
    let alone = table.decide(at(0), &both[..1]);
    assert_eq!(
        alone.verdicts()[0].remaining,
        10 - 3,
        "two together, this one alone"
    );
    let verdicts = table.decide(at(0), &both);
    assert_eq!(
        verdicts
            .verdicts()
            .iter()
            .map(|v| v.admitted)
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn cores_together_admit_exactly_the_amount() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let limit = limit("l", 10_000, Scope::Global);
    let ask = ask(&table, &limit, "a");
    let admitted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..5_000)
                        .filter(|_| table.decide(at(0), &[ask]).admitted)
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(admitted, 10_000);
}

#[test]
fn beyond_its_room_subjects_are_counted_in_cells_and_nobody_is_uncounted() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let limit = limit("l", 3, Scope::Global);
    let admitted = |who: &str| {
        (0..10)
            .filter(|_| table.decide(at(0), &[ask(&table, &limit, who)]).admitted)
            .count()
    };
    assert_eq!(admitted("early"), 3);
    let flood: usize = (0..10_000).map(|i| admitted(&format!("flood-{i}"))).sum();
    assert!(table.overflowed() > 0);
    assert!(flood <= 3 * (table.capacity() + CELLS), "{flood}");
    assert_eq!(admitted("early"), 0, "a known subject keeps its count");
}

#[test]
fn only_the_first_news_wakes_the_control_thread() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let (global, node) = (limit("l", 3, Scope::Global), limit("n", 3, Scope::Node));
    assert!(
        !table.decide(at(0), &[ask(&table, &node, "a")]).wake,
        "a node's own limit is nobody's business"
    );
    assert!(table.decide(at(0), &[ask(&table, &global, "a")]).wake);
    assert!(!table.decide(at(0), &[ask(&table, &global, "b")]).wake);
    let mut slots = Vec::new();
    table.drain_dirty(|slot| slots.push(slot));
    assert_eq!(slots.len(), 2);
    table.drain_dirty(|_| panic!("drained already"));
    assert!(table.decide(at(0), &[ask(&table, &global, "b")]).wake);
}

fn sliding(amount: u32) -> Limit {
    Limit {
        algorithm: Algorithm::Sliding,
        ..limit("sliding", amount, Scope::Node)
    }
}

#[test]
fn the_last_window_weighs_on_this_one() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let sliding = sliding(100);
    let ask = [ask(&table, &sliding, "a")];
    let burst = |ms: u64, n: usize| {
        let admitted = |_: &usize| table.decide(at(ms), &ask).admitted;
        (0..n).filter(admitted).count()
    };
    assert_eq!(burst(900, 200), 100);
    assert_eq!(
        burst(1_000, 200),
        0,
        "a fixed window would let 100 more pass"
    );
    assert_eq!(burst(1_250, 200), 25);
    assert_eq!(burst(1_500, 200), 25);
    assert_eq!(burst(2_500, 200), 75, "50 of them weigh half");
    assert_eq!(burst(5_000, 200), 100);
}

#[test]
fn a_shadow_limit_counts_and_refuses_nothing() {
    let table = Table::new(TableSpec {
        subjects_max: 1_024,
    });
    let shadow = Limit {
        shadow: true,
        ..limit("shadow", 2, Scope::Node)
    };
    let real = limit("real", 5, Scope::Node);
    let both = [ask(&table, &real, "a"), ask(&table, &shadow, "a")];
    let decisions: Vec<Decision> = (0..6).map(|_| table.decide(at(0), &both)).collect();
    let admitted: Vec<bool> = decisions.iter().map(|d| d.admitted).collect();
    assert_eq!(admitted, [true, true, true, true, true, false]);
    let shadowed: Vec<bool> = decisions
        .iter()
        .map(|d| !d.verdicts()[1].admitted)
        .collect();
    assert_eq!(shadowed, [false, false, true, true, true, true]);
    assert!(decisions.iter().all(|d| !d.verdicts()[1].refuses()));
}

proptest! {
    /// Whoever waits as long as told is let through, if nobody else comes meanwhile; and not much
    /// sooner.
    #[test]
    fn the_wait_that_is_told_is_the_right_one(
        amount in 1_u32..50,
        first in 0_u64..1_000,
        second in 1_000_u64..2_000,
        algorithm in prop_oneof![Just(Algorithm::Sliding), Just(Algorithm::Fixed)],
    ) {
        let table = Table::new(TableSpec { subjects_max: 1_024 });
        let limit = Limit { algorithm, ..sliding(amount) };
        let ask = [ask(&table, &limit, "a")];
        let mut refused = None;
        for ms in [first, second] {
            for _ in 0..amount + 1 {
                let decision = table.decide(at(ms), &ask);
                if !decision.admitted {
                    refused = Some((ms, decision.verdicts()[0].left));
                    break;
                }
            }
        }
        let (ms, wait) = refused.expect("one more than the amount");
        prop_assert!(wait > Duration::ZERO && wait <= Duration::from_secs(2));
        let after = |wait: Duration| {
            let mut now = at(ms);
            now.wall = Wall::from_unix_micros(now.wall.unix_micros() + wait.as_micros() as u64);
            now
        };
        if let Some(sooner) = wait.checked_sub(Duration::from_micros(5)) {
            prop_assert!(!table.decide(after(sooner), &ask).admitted);
        }
        prop_assert!(table.decide(after(wait), &ask).admitted);
    }

    /// In no stretch of a window's length that is weighed as the rule weighs it, more is admitted
    /// than the amount.
    #[test]
    fn a_sliding_limit_is_kept_at_every_moment(
        amount in 1_u32..200,
        mut moments in prop::collection::vec(0_u64..5_000, 1..600),
    ) {
        let table = Table::new(TableSpec { subjects_max: 1_024 });
        let limit = sliding(amount);
        let ask = [ask(&table, &limit, "a")];
        moments.sort_unstable();
        let mut counts = [0_u32; 6];
        for ms in moments {
            let window = (ms / 1_000) as usize;
            if table.decide(at(ms), &ask).admitted {
                counts[window] += 1;
            }
            let before = window.checked_sub(1).map_or(0, |before| counts[before]);
            let weighed = f64::from(before) * (1_000 - ms % 1_000) as f64 / 1_000.0;
            prop_assert!(f64::from(counts[window]) + weighed.floor() <= f64::from(amount));
        }
    }
}

#[test]
fn a_flood_of_made_up_subjects_leaves_callers_their_own_slots_and_counts() {
    let table = Table::new(TableSpec {
        subjects_max: 4_096,
    });
    let flooded = Limit::new(
        "per-address",
        &LimitSpec {
            per: crate::Dimension::Ip.into(),
            ..LimitSpec::new(NonZeroU32::MIN, "1m".parse().unwrap())
        },
    );
    let known = limit("per-key", 1_000, Scope::Global);
    let first = ask(&table, &known, "known");
    assert!((0..700).all(|_| table.decide(at(0), &[first]).admitted));
    for i in 0..2_000_000_u64 {
        let subject = SubjectKey::new(1, flooded.id, &i.to_le_bytes());
        let made_up = Ask {
            subject,
            ..ask(&table, &flooded, "")
        };
        let _refused_or_not = table.decide(at(1), &[made_up]);
    }
    assert!(table.overflowed() > 1_900_000);
    assert_eq!(table.sketches.in_use().count(), 1, "one sketch of 256 KiB");
    let left = (0..1_000).filter(|_| table.decide(at(2), &[first]).admitted);
    assert_eq!(left.count(), 300, "no count of a known subject is lost");
    let overflowed = table.overflowed();
    for i in 0..1_000 {
        let caller = ask(&table, &known, &format!("caller-{i}"));
        assert!(table.decide(at(3), &[caller]).admitted);
    }
    assert_eq!(table.overflowed(), overflowed, "each has a slot of its own");
}

#[test]
fn a_subject_in_cells_is_held_to_its_amount_and_takes_its_count_to_a_slot() {
    let table = Table::new(TableSpec { subjects_max: 64 });
    let limit = limit("l", 5, Scope::Global);
    let admitted = |who: &str, n: usize| {
        let asks = (0..n).map(|_| table.decide(at(0), &[ask(&table, &limit, who)]).admitted);
        asks.filter(|admitted| *admitted).count()
    };
    let who = |i: u32| format!("subject-{i}");
    (0..200).for_each(|i| assert!(admitted(&who(i), 3) <= 3));
    let key = |i: u32| SubjectKey::new(1, limit.id, who(i).as_bytes());
    let late: Vec<u32> = (0..200)
        .filter(|i| table.buckets.find(key(*i)).is_none())
        .collect();
    assert!(late.len() > 100);
    for slot in 0..table.capacity() {
        table.free(slot);
    }
    for i in late {
        assert!(admitted(&who(i), 9) <= 2, "three are spent: {i}");
    }
}

#[test]
fn requests_under_way_in_cells_are_given_back_there() {
    let table = Table::new(TableSpec { subjects_max: 8 });
    let limit = Limit::new(
        "l",
        &LimitSpec {
            algorithm: Algorithm::Concurrency,
            window: None,
            ..LimitSpec::new(NonZeroU32::new(2).unwrap(), "1s".parse().unwrap())
        },
    );
    let enter = |who: &str| {
        let decision = table.decide(at(0), &[ask(&table, &limit, who)]);
        decision.admitted.then(|| decision.receipts()[0].unwrap())
    };
    let first: Vec<_> = (0..8)
        .map(|i| enter(&format!("first-{i}")).unwrap())
        .collect();
    let held = [enter("late"), enter("late"), enter("late")];
    assert!(held[0].is_some() && held[1].is_some() && held[2].is_none());
    first
        .iter()
        .for_each(|receipt| _ = table.release(&limit, receipt));
    (0..table.capacity()).for_each(|slot| table.free(slot));
    assert!(enter("late").is_none(), "it holds two elsewhere");
    held.iter()
        .flatten()
        .for_each(|receipt| _ = table.release(&limit, receipt));
    assert!(enter("late").is_some());
}
