//! A flood of subjects that never come twice: `cargo run --release -p tidegate-limit --example
//! flood [SUBJECTS]`, a hundred million unless said otherwise. Prints the memory that the process
//! holds, and whether a caller's count has survived.

use std::num::NonZeroU32;

use tidegate_limit::{
    Ask, Dimension, Limit, LimitIx, LimitSpec, Per, SubjectKey, Table, TableSpec,
};
use tidegate_model::{Mono, Now, Wall};

const SPENT: usize = 700;
const AMOUNT: u32 = 1_000;

fn main() {
    let subjects: u64 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(100_000_000);
    let table = Table::new(TableSpec::default());
    let made_up = limit("per-address", Dimension::Ip.into());
    let known = limit("per-key", Per::default());
    let enter = |limit| table.register(limit).expect("two limits fit");
    let (flood_ix, known_ix) = (enter(&made_up), enter(&known));
    let caller = ask(&known, known_ix, b"caller");
    let admitted = |n: usize| {
        (0..n)
            .filter(|_| table.decide(now(0), &[caller]).admitted)
            .count()
    };
    assert_eq!(admitted(SPENT), SPENT, "there is room");
    println!("{:>12} subjects  {:>6.1} MiB", 0, resident_mib());
    for i in 1..=subjects {
        let _any = table.decide(
            now(i / 1_000_000),
            &[ask(&made_up, flood_ix, &i.to_le_bytes())],
        );
        if i.is_multiple_of(subjects.div_ceil(5)) || i == subjects {
            println!("{i:>12} subjects  {:>6.1} MiB", resident_mib());
        }
    }
    let left = admitted(AMOUNT as usize);
    println!("counted in the sketch: {} requests", table.overflowed());
    println!("the caller spent {SPENT} of {AMOUNT} before, and had {left} left after");
    assert_eq!(left, AMOUNT as usize - SPENT, "a count was lost");
}

fn limit(name: &str, per: Per) -> Limit {
    let amount = NonZeroU32::new(AMOUNT).expect("not zero");
    let window = "1d".parse().expect("a period");
    Limit::new(
        name,
        &LimitSpec {
            per,
            ..LimitSpec::new(amount, window)
        },
    )
}

fn ask<'l>(limit: &'l Limit, ix: LimitIx, name: &[u8]) -> Ask<'l> {
    Ask {
        limit,
        ix,
        subject: SubjectKey::new(7, limit.id, name),
        amount: limit.amount,
        cost: 1,
    }
}

fn now(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(1_728_000_000_000_000 + ms * 1_000),
    }
}

/// Memory that the process holds (Linux; zero elsewhere).
fn resident_mib() -> f64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "no part of the crate: it looks at itself"
    )]
    let statm = std::fs::read("/proc/self/statm").unwrap_or_default();
    let text = String::from_utf8_lossy(&statm).into_owned();
    let pages: f64 = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or_default();
    pages * 4_096.0 / f64::from(1 << 20)
}
