//! Buckets, quotas and leases of several nodes.

use super::*;
use crate::{BurstShare, Unit, WindowSpec};

fn bucket(amount: u32, burst: u32) -> LimitSpec {
    LimitSpec {
        algorithm: Algorithm::Bucket,
        burst: NonZeroU32::new(burst),
        ..spec(amount, "1s", Scope::Global)
    }
}

fn leases(amount: u32) -> LimitSpec {
    LimitSpec {
        algorithm: Algorithm::Concurrency,
        window: None,
        lease: Some("2s".parse().unwrap()),
        ..spec(amount, "1s", Scope::Global)
    }
}

#[test]
fn a_bucket_gives_its_burst_once_and_then_its_rate() {
    let a = node("us/a", 1, &bucket(10, 25));
    assert_eq!(a.burst("k", 100, at(0)), 25);
    assert_eq!(a.burst("k", 100, at(1_000)), 10);
    let steady: usize = (0..100).map(|i| a.burst("k", 3, at(1_000 + i * 50))).sum();
    assert_eq!(steady, 49, "ten a second for five seconds");
    assert_eq!(a.burst("k", 100, at(60_000)), 25);
}

#[test]
fn nodes_drain_one_bucket_together() {
    let spec = bucket(10, 20);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    assert_eq!(a.burst("k", 12, at(0)), 12);
    a.tell(&mut b, Audience::Mates, at(5));
    a.counters.refresh(at(900));
    a.tell(&mut b, Audience::Mates, at(900));
    b.counters.refresh(at(1_000));
    // To the token that fell between two words.
    let there = b.burst("k", 50, at(1_000));
    assert!((17..=18).contains(&there), "{there}: 8 left and 10 come");
}

#[test]
fn two_nodes_under_pressure_keep_to_the_rate_of_one_bucket() {
    let spec = bucket(1_000, 100);
    let mut nodes = [node("us/a", 1, &spec), node("us/b", 1, &spec)];
    let mut admitted = 0;
    for ms in 0..10_000_u64 {
        for node in &nodes {
            admitted += node.burst("k", 3, at(ms));
        }
        if ms % 10 == 9 {
            let [a, b] = &mut nodes;
            a.counters.refresh(at(ms));
            b.counters.refresh(at(ms));
            a.tell(b, Audience::Mates, at(ms));
            b.tell(a, Audience::Mates, at(ms));
        }
    }
    let over = admitted as f64 / (10_000.0 + 100.0) - 1.0;
    assert!((-0.02..0.02).contains(&over), "{admitted}");
}

#[test]
fn both_sides_of_a_cut_share_a_bucket() {
    let spec = bucket(100, 100);
    let mut nodes = [node("us/a", 1, &spec), node("eu/a", 1, &spec)];
    let mut admitted = 0;
    for ms in 0..5_000_u64 {
        for (node, other) in nodes.iter_mut().zip(["eu", "us"]) {
            if ms == 0 {
                node.counters.collect(at(0));
                let silent = [RegionPresence {
                    region: other.parse().unwrap(),
                    presence: Presence::Silent,
                }];
                node.counters.set_presence(&silent, at(0));
            }
            admitted += node.burst("k", 2, at(ms));
            if ms % 50 == 0 {
                node.counters.collect(at(ms));
                node.counters.refresh(at(ms));
            }
        }
    }
    // Of three regions, two spend: each knows of one that it cannot hear.
    let spent = f64::from(admitted as u32) / (100.0 + 100.0 * 5.0);
    assert!((1.2..1.4).contains(&spent), "two thirds each: {spent}");
}

#[test]
fn what_is_under_way_anywhere_holds_a_place_until_it_ends() {
    let spec = leases(10);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    let receipts = a.enter("k", 6, at(0));
    assert_eq!(receipts.len(), 6);
    a.tell(&mut b, Audience::Mates, at(5));
    assert_eq!(b.enter("k", 10, at(10)).len(), 4);
    for receipt in &receipts {
        let _wake = a.table.release(&a.limit, receipt);
    }
    a.tell(&mut b, Audience::Mates, at(20));
    assert_eq!(b.enter("k", 10, at(30)).len(), 6);
}

#[test]
fn leases_of_a_node_that_is_gone_are_free_after_their_time() {
    let spec = leases(10);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    a.enter("k", 10, at(0));
    a.tell(&mut b, Audience::Mates, at(5));
    for ms in (50..2_000).step_by(50) {
        b.counters.refresh(at(ms));
        assert_eq!(b.enter("k", 1, at(ms)).len(), 0, "{ms}");
    }
    b.counters.refresh(at(2_100));
    assert_eq!(b.enter("k", 20, at(2_100)).len(), 10);
}

#[test]
fn leases_of_a_node_that_lives_are_renewed_however_long_they_are_held() {
    let spec = leases(10);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    a.enter("k", 10, at(0));
    for ms in (0..60_000).step_by(50) {
        a.counters.refresh(at(ms));
        a.counters.sweep(at(ms));
        a.tell(&mut b, Audience::Mates, at(ms));
        b.counters.refresh(at(ms));
        b.counters.sweep(at(ms));
    }
    assert_eq!(b.enter("k", 1, at(60_000)).len(), 0);
}

#[test]
fn a_quota_of_a_day_ends_at_midnight_of_its_time_zone() {
    let spec = LimitSpec {
        algorithm: Algorithm::Quota,
        window: Some(WindowSpec::Calendar(Unit::Day)),
        time_zone: Some("Asia/Tokyo".parse().unwrap()),
        ..spec(5, "1s", Scope::Global)
    };
    let a = node("us/a", 1, &spec);
    // 1970-01-14T21:20Z is 06:20 of the 15th in Tokyo.
    assert_eq!(a.burst("k", 9, at(0)), 5);
    let (hour, midnight) = (3_600_000, 17 * 3_600_000 + 40 * 60_000);
    assert_eq!(a.burst("k", 9, at(12 * hour)), 0);
    assert_eq!(a.burst("k", 9, at(midnight - 1)), 0);
    assert_eq!(a.burst("k", 9, at(midnight)), 5);
}

#[test]
fn no_node_takes_more_than_its_burst_share_before_others_can_have_heard() {
    let share: BurstShare = serde_share("0.5");
    let spec = LimitSpec {
        burst_share: share,
        ..spec(100, "1m", Scope::Global)
    };
    let mut a = node("us/a", 1, &spec);
    assert_eq!(a.burst("k", 100, at(0)), 50);
    a.counters.collect(at(10));
    assert_eq!(a.burst("k", 100, at(20)), 0, "nobody has heard yet");
    for ms in (50..400).step_by(50) {
        a.counters.collect(at(ms));
        a.counters.refresh(at(ms));
    }
    assert_eq!(a.burst("k", 100, at(400)), 25, "half of what is left");
}

fn serde_share(number: &str) -> BurstShare {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, F64Deserializer};
    let number: f64 = number.parse().unwrap();
    let number: F64Deserializer<Error> = number.into_deserializer();
    BurstShare::deserialize(number).unwrap()
}

#[test]
fn what_an_answer_cost_is_settled_afterwards() {
    let spec = LimitSpec {
        cost: crate::Cost::Response {
            name: "x-cost".to_owned(),
            max: 50,
        },
        ..spec(100, "1m", Scope::Global)
    };
    let a = node("us/a", 1, &spec);
    let receipts = a.enter("k", 1, at(0));
    let _wake = a.table.settle(at(10), &a.limit, &receipts[0], 50);
    assert_eq!(a.burst("k", 100, at(20)), 50);
    let receipts = a.enter("k", 1, at(60_000));
    let _wake = a.table.settle(at(60_010), &a.limit, &receipts[0], 1);
    assert_eq!(a.burst("k", 100, at(60_020)), 99, "one was taken before");
}

impl Node {
    /// Lets up to `n` requests in. Returns their receipts.
    fn enter(&self, who: &str, n: usize, now: Now) -> Vec<crate::Receipt> {
        let ask = Ask {
            limit: &self.limit,
            ix: self.ix,
            subject: self.subject(who),
            amount: self.limit.amount,
            cost: 1,
        };
        let decisions = (0..n).map(|_| self.table.decide(now, &[ask]));
        let admitted = decisions.filter(|decision| decision.admitted);
        admitted
            .filter_map(|decision| decision.receipts()[0])
            .collect()
    }
}
