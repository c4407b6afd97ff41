//! Once a subject is known, a decision allocates nothing, whatever the kind of limit and the
//! answer.

use std::num::NonZeroU32;

use allocation_counter::measure;
use tidegate_limit::{Algorithm, Ask, Limit, LimitSpec, Mode, SubjectKey, Table, TableSpec};
use tidegate_model::{Mono, Now, Wall};

#[test]
fn a_decision_on_a_known_subject_allocates_nothing() {
    let kinds = [
        (Algorithm::Sliding, Mode::Fast),
        (Algorithm::Fixed, Mode::Fast),
        (Algorithm::Bucket, Mode::Fast),
        (Algorithm::Sliding, Mode::Strict),
    ];
    for (algorithm, mode) in kinds {
        let table = Table::new(TableSpec {
            subjects_max: 1_024,
        });
        let amount = NonZeroU32::new(50).expect("not zero");
        let limit = Limit::new(
            "l",
            &LimitSpec {
                algorithm,
                mode,
                ..LimitSpec::new(amount, "1s".parse().expect("a period"))
            },
        );
        let ask = Ask {
            limit: &limit,
            ix: table.register(&limit).expect("room for a limit"),
            subject: SubjectKey::new(7, limit.id, b"caller"),
            amount: limit.amount,
            cost: 1,
        };
        let _first = table.decide(now(0), &[ask]);
        let (mut admitted, mut refused) = (0, 0);
        let taken = measure(|| {
            for i in 0..500 {
                match table.decide(now(i * 5), &[ask, ask]).admitted {
                    true => admitted += 1,
                    false => refused += 1,
                }
            }
        });
        assert_eq!(taken.count_total, 0, "{algorithm:?} {mode:?}");
        assert!(refused > 0, "{algorithm:?} {mode:?} never refused");
        // Nobody has given this node any rights, so a strict limit refuses all.
        assert_eq!(admitted > 0, mode == Mode::Fast, "{algorithm:?} {mode:?}");
    }
}

#[test]
fn the_allocator_that_counts_does_count() {
    assert_eq!(
        measure(|| drop(std::hint::black_box(Box::new(1_u64)))).count_total,
        1
    );
}

fn now(ms: u64) -> Now {
    Now {
        mono: Mono::from_millis(ms),
        wall: Wall::from_unix_micros(1_000_000_000_000 + ms * 1_000),
    }
}
