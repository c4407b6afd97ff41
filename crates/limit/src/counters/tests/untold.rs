//! What nodes keep back, and that it is never more than it may be.

use super::*;

const AMOUNT: u32 = 1_000;

/// Nodes of one region that count together.
fn nodes(names: &[&str], algorithm: Algorithm) -> Vec<Node> {
    let spec = LimitSpec {
        algorithm,
        ..spec(AMOUNT, "1m", Scope::Global)
    };
    let nodes = names.iter().map(|name| {
        let mut node = node(name, 1, &spec);
        node.counters.set_counting(names.len(), true);
        node
    });
    nodes.collect()
}

/// Admitted by a node, and what others may know of it.
fn admitted_and_told(node: &Node, now: Now) -> (u32, u32) {
    let subject = node.subject("k");
    let window = Window::at(now.wall, Duration::from_secs(60)).ix;
    let Some(slot) = node.table.own_slot(subject) else {
        return (0, 0);
    };
    let admitted = node.table.slot(slot).own(window).admitted;
    let told = node.counters.known(subject, now);
    (
        admitted,
        told.first().map_or(0, |(_, count)| count.admitted),
    )
}

/// What is left of the limit, as far as a node has heard.
fn left(node: &Node, now: Now) -> u32 {
    let known = node.counters.known(node.subject("k"), now);
    let others: u32 = known.iter().skip(1).map(|(_, count)| count.admitted).sum();
    AMOUNT.saturating_sub(others + admitted_and_told(node, now).0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is asked where, and whatever words are lost.
    #[test]
    fn nodes_together_keep_back_less_than_half_of_what_is_left(
        steps in prop::collection::vec((0_usize..4, 0_usize..60, 0_u8..16, 1_u64..40), 1..120),
        sliding: bool,
    ) {
        let algorithm = if sliding { Algorithm::Sliding } else { Algorithm::Fixed };
        let mut nodes = nodes(&["us/a", "us/b", "us/c", "us/d"], algorithm);
        let mut ms = 0;
        for (who, requests, reached, passed) in steps {
            ms += passed;
            let now = at(ms);
            nodes[who].burst("k", requests, now);
            nodes[who].counters.collect(now);
            if let Some(batch) = nodes[who].counters.export(Audience::Mates, 100, now) {
                for (to, node) in nodes.iter_mut().enumerate() {
                    if to != who && reached & 1 << to != 0 {
                        node.counters.absorb(&batch, Audience::Mates, Duration::ZERO, now);
                    }
                }
            }
            let (mut untold, mut most) = (0, 0);
            for node in &nodes {
                let (admitted, told) = admitted_and_told(node, now);
                let left = left(node, now);
                let kept = admitted - told;
                prop_assert!(kept == 0 || kept * 2 * 4 < left, "{kept} of {left}");
                prop_assert!(kept < AMOUNT / 50, "{kept} would go with the node");
                untold += kept;
                most = most.max(left);
            }
            prop_assert!(untold == 0 || untold * 2 < most, "{untold} of {most}");
        }
    }
}

#[test]
fn far_from_the_limit_little_is_said_and_near_it_everything() {
    let mut pair = nodes(&["us/a", "us/b"], Algorithm::Fixed);
    let [a, b] = &mut pair[..] else {
        unreachable!()
    };
    // Once a second, so that no rate says anything.
    let mut rows = [0, 0];
    for second in 0..50 {
        let now = at(second * 1_000);
        assert_eq!(a.burst("k", 10, now), 10);
        rows[0] += a.tell(b, Audience::Mates, now).learned;
    }
    assert!(rows[0] <= 30, "{} rows for 500 requests", rows[0]);
    // When its last rate is believed no more.
    let now = at(55_000);
    b.counters.refresh(now);
    let room = b.burst("k", 1_000, now);
    b.tell(a, Audience::Mates, now);
    a.counters.collect(now);
    a.tell(b, Audience::Mates, now);
    assert_eq!(a.admitted("k", now), 500 + room as u32);
    assert_eq!(b.admitted("k", now), 500 + room as u32, "all is told");
    assert!((500..750).contains(&room), "{room}");
}

#[test]
fn one_border_node_tells_of_a_subject() {
    let mut nodes = nodes(&["us/a", "us/b"], Algorithm::Fixed);
    let borders: Vec<NodeId> = ["us/a", "us/b"].map(|n| n.parse().unwrap()).into();
    let mut told = Vec::new();
    for node in &mut nodes {
        node.counters.set_voices(borders.iter());
        for i in 0..40 {
            assert_eq!(node.burst(&format!("k{i}"), 400, at(0)), 400);
        }
        node.counters.collect(at(0));
        let batch = node.counters.export(Audience::World, 1_000, at(0));
        let groups = batch
            .into_iter()
            .flat_map(|batch| batch.deltas)
            .flat_map(|d| d.groups);
        told.extend(
            groups
                .flat_map(|group| group.updates)
                .map(|update| update.subject),
        );
    }
    told.sort_unstable();
    let all = told.len();
    told.dedup();
    assert_eq!((all, told.len()), (40, 40), "each once");
}
