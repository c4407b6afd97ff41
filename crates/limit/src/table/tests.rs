use std::num::NonZeroU32;

use tidegate_model::{Mono, Wall};

use super::*;
use crate::{LimitSpec, Per};

fn limit(name: &str, amount: u32, scope: Scope) -> Limit {
    let amount = NonZeroU32::new(amount).unwrap();
    Limit::new(
        name,
        &LimitSpec {
            amount,
            window: "1s".parse().unwrap(),
            per: Per::Key,
            scope,
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
fn beyond_its_room_subjects_share_counters_and_nobody_is_uncounted() {
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
    assert!(
        flood <= 3 * (table.capacity() + SHARED_PER_LIMIT),
        "{flood}"
    );
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
