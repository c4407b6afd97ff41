//! Regions that cannot be heard.

use super::*;

fn silent(region: &str, presence: Presence) -> Vec<RegionPresence> {
    vec![RegionPresence {
        region: region.parse().unwrap(),
        presence,
    }]
}

#[test]
fn a_silent_region_is_taken_to_spend_its_share_and_no_less_than_it_did() {
    let spec = spec(900, "1m", Scope::Global);
    let mut us = node("us/a", 1, &spec);
    us.counters
        .set_presence(&silent("ap", Presence::Silent), at(0));
    assert_eq!(
        us.burst("fresh", 900, at(0)),
        600,
        "nothing known: a third for each"
    );
    let mut eu = node("eu/a", 1, &spec);
    eu.counters.set_presence(
        &[
            silent("ap", Presence::Silent),
            silent("us", Presence::Silent),
        ]
        .concat(),
        at(0),
    );
    assert_eq!(
        eu.burst("fresh", 900, at(0)),
        300,
        "a region alone spends its own share"
    );

    let (mut us, mut ap) = (node("us/a", 1, &spec), node("ap/a", 1, &spec));
    assert_eq!(ap.burst("k", 500, at(0)), 500);
    ap.tell(&mut us, Audience::World, at(10));
    us.counters
        .set_presence(&silent("ap", Presence::Silent), at(2_000));
    assert_eq!(
        us.burst("k", 900, at(2_000)),
        400,
        "it spent more than its share before it fell silent"
    );
    assert_eq!(
        us.burst("k", 900, at(62_000)),
        600,
        "and has a new share in the next window"
    );
    us.counters
        .set_presence(&silent("ap", Presence::Withdrawn), at(62_500));
    assert_eq!(
        us.burst("k", 900, at(62_500)),
        300,
        "without clients it spends nothing more"
    );
    us.counters.set_presence(&[], at(130_000));
    assert_eq!(us.burst("k", 900, at(130_000)), 900);
}

#[test]
fn shares_follow_the_demand_that_everyone_saw_before_the_cut() {
    let spec = spec(1_000, "1m", Scope::Global);
    let (mut us, mut ap) = (node("us/a", 1, &spec), node("ap/a", 1, &spec));
    us.burst("k", 600, at(0));
    ap.burst("k", 200, at(0));
    ap.tell(&mut us, Audience::World, at(10));
    us.tell(&mut ap, Audience::World, at(10));
    for (node, others) in [(&mut us, &["ap"][..]), (&mut ap, &["us", "eu"])] {
        node.counters.refresh(at(60_900));
        assert!(node.asks("k", at(61_000)));
        node.counters.collect(at(61_000));
        let heard: Vec<_> = others
            .iter()
            .flat_map(|other| silent(other, Presence::Silent))
            .collect();
        // Between the window's end and this, nobody was cut off: what was taken down is whole.
        node.counters.set_presence(&heard, at(62_500));
    }
    // Of the last window's 800, ap had a quarter: it may spend 0.9 x 0.25 + 0.1 / 3 of the limit,
    // the others the rest.
    let (by_us, by_ap) = (
        1 + us.burst("k", 2_000, at(62_600)),
        1 + ap.burst("k", 2_000, at(62_600)),
    );
    assert_eq!((by_us, by_ap), (741, 258));
}

#[test]
fn what_a_region_did_not_hear_before_a_cut_is_noticed_does_not_shift_shares() {
    let spec = spec(900, "1s", Scope::Global);
    let (mut us, mut ap) = (node("us/a", 1, &spec), node("ap/a", 1, &spec));
    // Both are asked 100 times a second, and hear each other until 10,000 ms.
    for ms in (0..11_400).step_by(10) {
        for node in [&mut us, &mut ap] {
            node.asks("k", at(ms));
            node.counters.collect(at(ms));
            node.counters.refresh(at(ms));
        }
        if ms < 10_000 {
            us.tell(&mut ap, Audience::World, at(ms));
            ap.tell(&mut us, Audience::World, at(ms));
        }
    }
    // A second and more after it was cut off each region notices: by then a whole window was seen
    // in which, as far as it knows, nobody but itself was asked.
    let silent_to_us = silent("ap", Presence::Silent);
    us.counters.set_presence(&silent_to_us, at(11_400));
    let silent_to_ap = [
        silent("us", Presence::Silent),
        silent("eu", Presence::Silent),
    ]
    .concat();
    ap.counters.set_presence(&silent_to_ap, at(11_400));
    let share = (
        us.burst("k", 2_000, at(12_100)),
        ap.burst("k", 2_000, at(12_100)),
    );
    // eu was not asked for anything: it keeps a third of a tenth, the others have the rest evenly.
    assert_eq!(share, (465, 435));
}

#[test]
fn what_may_be_spent_while_a_region_is_silent_is_the_operators_choice() {
    use crate::OnPartition::{Closed, Open, Share};
    for (on_partition, known, fresh) in [(Share, 66, 66), (Open, 100, 100), (Closed, 6, 6)] {
        let spec = LimitSpec {
            on_partition,
            ..spec(100, "1m", Scope::Global)
        };
        let mut a = node("us/a", 1, &spec);
        // Known to the control thread before the cut, but with nothing spent.
        a.counters.collect(at(0));
        let silent = [RegionPresence {
            region: "eu".parse().unwrap(),
            presence: Presence::Silent,
        }];
        assert!(a.counters.set_presence(&silent, at(10)));
        assert_eq!(a.burst("fresh", 200, at(20)), fresh, "{on_partition:?}");
        a.counters.collect(at(30));
        assert_eq!(a.burst("fresh", 200, at(40)), 0, "{on_partition:?}");
        assert_eq!(a.burst("known", 200, at(60_050)), known, "{on_partition:?}");
        let subject = a.subject("x");
        let ask = Ask {
            limit: &a.limit,
            ix: a.ix,
            subject,
            amount: 100,
            cost: 1,
        };
        let verdict = a.table.decide(at(50), &[ask]).verdicts()[0];
        assert_eq!(verdict.partition, Some(on_partition));
    }
}

#[test]
fn what_was_told_while_two_clocks_were_ahead_does_not_shut_out_the_present() {
    let spec = spec(100, "10s", Scope::Global);
    let (mut a, mut b) = (node("us/a", 1, &spec), node("us/b", 1, &spec));
    let ahead = |ms: u64| Now {
        mono: at(ms).mono,
        wall: at(ms + 1_300_000).wall,
    };
    assert_eq!(a.burst("k", 7, ahead(1_000)), 7);
    a.tell(&mut b, Audience::Mates, ahead(1_010));
    assert_eq!(b.admitted("k", ahead(1_020)), 7);
    // Both clocks are right again.
    assert_eq!(a.burst("k", 3, at(2_000)), 3);
    a.tell(&mut b, Audience::Mates, at(2_010));
    assert_eq!(b.admitted("k", at(2_020)), 3);
}
