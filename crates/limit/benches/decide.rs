//! What a decision costs, beside `governor` (keyed, dashmap): `cargo bench -p tidegate-limit`.
//!
//! Every contender hashes the subject's name and decides for all subjects in one shuffled order,
//! so that caches are missed as they are in service. They take turns, and the median of the rounds
//! is told, in CPU time of the thread, so that other work on the machine weighs less. Time is
//! handed to our table, as in the gateway; governor reads a clock itself. So one contender reads
//! both of ours for each decision.

#![expect(
    clippy::disallowed_methods,
    reason = "no part of the crate: it measures with the clock"
)]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use governor::{Quota, RateLimiter};
use rustix::time::{ClockId, clock_gettime};
use tidegate_limit::{Algorithm, Ask, Limit, LimitSpec, Mode, SubjectKey, Table, TableSpec};
use tidegate_model::{Mono, Now, Wall};

const ROUNDS: usize = 11;
const DECISIONS: usize = 1_000_000;
const AMOUNT: NonZeroU32 = NonZeroU32::new(100_000_000).expect("not zero");
const HOT_DECISIONS: usize = 3_000_000;

/// Decides for all names; tells how many were admitted.
type Run<'c> = Box<dyn FnMut(&[String]) -> usize + 'c>;
type Contender<'c> = (&'c str, Run<'c>);

fn main() {
    for subjects in [1_000, 1_000_000] {
        side_by_side(subjects);
    }
    one_hot_subject();
}

fn side_by_side(subjects: usize) {
    let names = shuffled_names(subjects);
    let governor = RateLimiter::dashmap(Quota::per_second(AMOUNT));
    let mut contenders: Vec<Contender<'_>> = vec![
        (
            "governor",
            Box::new(|names| count(names, |name| governor.check_key(name).is_ok())),
        ),
        (
            "sliding",
            ours(subjects, Algorithm::Sliding, Mode::Fast, false),
        ),
        (
            "sliding, clocks read",
            ours(subjects, Algorithm::Sliding, Mode::Fast, true),
        ),
        ("fixed", ours(subjects, Algorithm::Fixed, Mode::Fast, false)),
        (
            "bucket",
            ours(subjects, Algorithm::Bucket, Mode::Fast, false),
        ),
        (
            "strict, refused",
            ours(subjects, Algorithm::Sliding, Mode::Strict, false),
        ),
    ];
    let mut nanos = vec![Vec::new(); contenders.len()];
    for round in 0..=ROUNDS {
        for ((name, run), nanos) in contenders.iter_mut().zip(&mut nanos) {
            let started = cpu_time();
            let admitted = black_box(run(&names));
            let took = cpu_time() - started;
            let all = if *name == "strict, refused" {
                0
            } else {
                DECISIONS
            };
            assert_eq!(admitted, all, "{name}: not what was to be measured");
            // The first round makes the subjects known.
            if round > 0 {
                nanos.push(took.as_nanos() as f64 / DECISIONS as f64);
            }
        }
    }
    println!("{subjects} subjects: CPU a decision, median (least, most) of {ROUNDS} rounds");
    let peer = median(&mut nanos[0]);
    for ((name, _), nanos) in contenders.iter().zip(&mut nanos) {
        let own = median(nanos);
        let (least, most) = (nanos[0], nanos[ROUNDS - 1]);
        println!(
            "  {name:<21} {own:>6.0} ns ({least:.0}, {most:.0})  {:.2} of governor",
            own / peer
        );
    }
}

/// Our table with one limit.
fn ours<'c>(subjects: usize, algorithm: Algorithm, mode: Mode, clocks: bool) -> Run<'c> {
    let (table, limit) = table(subjects, algorithm, mode);
    let ix = table.register(&limit).expect("room for a limit");
    let started = Instant::now();
    Box::new(move |names| {
        let once = read_clocks(started);
        count(names, |name| {
            let now = if clocks { read_clocks(started) } else { once };
            let ask = Ask {
                limit: &limit,
                ix,
                subject: SubjectKey::new(7, limit.id, name.as_bytes()),
                amount: limit.amount,
                cost: 1,
            };
            let decision = table.decide(now, &[ask]);
            black_box(&decision);
            decision.admitted
        })
    })
}

fn table(subjects: usize, algorithm: Algorithm, mode: Mode) -> (Table, Limit) {
    // Full to a half at most, so that every subject has a slot of its own.
    let table = Table::new(TableSpec {
        subjects_max: 2 * subjects,
    });
    let spec = LimitSpec {
        algorithm,
        mode,
        ..LimitSpec::new(AMOUNT, "1s".parse().expect("a period"))
    };
    (table, Limit::new("per-key", &spec))
}

/// Two threads on one subject against one, in turns.
fn one_hot_subject() {
    let (table, limit) = table(1_000, Algorithm::Sliding, Mode::Fast);
    let ask = Ask {
        limit: &limit,
        ix: table.register(&limit).expect("room for a limit"),
        subject: SubjectKey::new(7, limit.id, b"hot"),
        amount: limit.amount,
        cost: 1,
    };
    let clock = Instant::now();
    let work = || {
        let now = read_clocks(clock);
        for _ in 0..HOT_DECISIONS {
            black_box(&table.decide(now, &[ask]));
        }
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (threads, rates) in [(1_usize, &mut one), (2, &mut two)] {
            let started = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(work);
                }
            });
            let took = started.elapsed().as_secs_f64();
            rates.push((threads * HOT_DECISIONS) as f64 / took / 1e6);
        }
    }
    let (one, two) = (median(&mut one), median(&mut two));
    println!("one hot subject, millions a second: one thread {one:.1}, two {two:.1}");
}

fn count(names: &[String], mut admits: impl FnMut(&String) -> bool) -> usize {
    names
        .iter()
        .cycle()
        .take(DECISIONS)
        .filter(|name| admits(name))
        .count()
}

/// Names in an order that no prefetcher foresees (Fisher and Yates, xorshift).
fn shuffled_names(subjects: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..subjects).map(|n| format!("customer-{n:08}")).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for i in (1..subjects).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        names.swap(i, (random % (i as u64 + 1)) as usize);
    }
    // Anew, so that the names themselves lie in the order in which they are read.
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

fn read_clocks(started: Instant) -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    Now {
        mono: Mono::ZERO + started.elapsed(),
        wall: Wall::from_unix_micros(wall.expect("after 1970").as_micros() as u64),
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Sorts, too.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
