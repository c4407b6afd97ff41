//! One fault, or its end, and what came of it.

use serde::Serialize;

use crate::internet::{Target, Topology};
use crate::timeline::{Asked, Mark, Sign, Told};

/// Everything that is known of a world.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What there is.
    pub internet: Topology,
    /// What was done to it, in order.
    pub marks: Vec<Mark>,
    /// What clients asked, by when they began.
    pub asked: Vec<Asked>,
    /// What each region's router tells, in the order of regions.
    pub routers: Vec<Vec<Sign>>,
    /// What nodes and their watchdogs tell, in the order of machines.
    pub machines: Vec<Vec<Sign>>,
}

/// What came of a fault, until the next one or its end. Times are microseconds after it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Episode {
    /// The fault, and where.
    pub what: String,
    /// Whether this is its end.
    pub undo: bool,
    /// When it was, in microseconds since 1970.
    pub at: u64,
    /// When the next one was, or the last request.
    pub until: u64,
    /// The first sign that anybody noticed.
    pub detect_us: Option<u64>,
    /// The first decision of a node or its watchdog.
    pub decide_us: Option<u64>,
    /// The first change of a way that a router was told by a neighbour.
    pub withdraw_us: Option<u64>,
    /// The last change of where routers send packets.
    pub converge_us: Option<u64>,
    /// The begin of the first request that failed; zero if it was under way.
    pub first_error_us: Option<u64>,
    /// The begin of the last one.
    pub last_error_us: Option<u64>,
    /// Requests.
    pub asked: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that failed, of clients that keep their connection.
    pub failed_kept: usize,
    /// How often what is announced from there changed.
    pub transitions: usize,
}

/// An episode for each mark.
#[must_use]
pub fn episodes(evidence: &Evidence) -> Vec<Episode> {
    let marks = &evidence.marks;
    // The last request is within the last episode.
    let last = evidence.asked.iter().map(|asked| asked.end() + 1).max();
    let ends = marks.iter().skip(1).map(|mark| mark.at);
    let ends = ends.chain([last.unwrap_or_default()]);
    marks
        .iter()
        .zip(ends)
        .map(|(mark, end)| evidence.episode(mark, end.max(mark.at)))
        .collect()
}

impl Evidence {
    fn episode(&self, mark: &Mark, until: u64) -> Episode {
        let within = |at: u64| (mark.at..until).contains(&at);
        let after = |at: u64| at.saturating_sub(mark.at);
        let hit = self.hit(&mark.fault.target);
        let near = || {
            let signs = hit.iter().flat_map(|machine| self.of_machine(*machine));
            signs.filter(|sign| within(sign.at))
        };
        let first = |is: fn(&Told) -> bool| {
            near()
                .filter(|sign| is(&sign.told))
                .map(|sign| after(sign.at))
                .min()
        };
        let forwards = self.routers.iter().flatten();
        let forwards = forwards.filter(|sign| sign.told == Told::Forwards && within(sign.at));
        // Requests that were under way are hit as well; one that fails is blamed on what was done
        // last.
        let asked = || self.asked.iter().filter(|asked| within(asked.end()));
        let failed: Vec<&Asked> = asked().filter(|asked| asked.error.is_some()).collect();
        let decide_us = first(|told| matches!(told, Told::Decided(_) | Told::WatchdogWithdrew));
        let withdraw_us = first(|told| matches!(told, Told::Way(..)));
        let down_us = first(|told| matches!(told, Told::SessionDown(_)));
        Episode {
            what: mark.fault.to_string(),
            undo: mark.undo,
            at: mark.at,
            until,
            detect_us: [decide_us, withdraw_us, down_us]
                .into_iter()
                .flatten()
                .min(),
            decide_us,
            withdraw_us,
            converge_us: forwards.map(|sign| after(sign.at)).max(),
            first_error_us: failed.first().map(|asked| after(asked.at)),
            last_error_us: failed.last().map(|asked| after(asked.at)),
            asked: asked().count(),
            failed: failed.len(),
            failed_kept: failed
                .iter()
                .filter(|asked| asked.how != crate::timeline::How::Fresh)
                .count(),
            transitions: near()
                .filter(|sign| matches!(sign.told, Told::Way(..)))
                .count(),
        }
    }

    /// Machines that a fault hits, by their place among all.
    fn hit(&self, target: &Target) -> Vec<usize> {
        let machines = self.internet.machines().enumerate();
        let hit = machines.filter(|(_, (site, at))| {
            let site = &self.internet.sites[*site];
            match target {
                Target::All => true,
                Target::Region(region) => site.region.as_str() == region,
                Target::Node(node) => site.machines[*at].node.to_string() == *node,
            }
        });
        hit.map(|(number, _)| number).collect()
    }

    /// What the machine tells, and its router of it.
    fn of_machine(&self, number: usize) -> impl Iterator<Item = &Sign> {
        let machine = self.internet.machines().nth(number);
        let of_router = machine.into_iter().flat_map(move |(site, at)| {
            let session = self.internet.session(site, at);
            let signs = self.routers.get(site).into_iter().flatten();
            signs.filter(move |sign| match &sign.told {
                Told::SessionDown(of) | Told::Way(of, _) => *of == session,
                Told::Forwards | Told::Decided(_) | Told::WatchdogWithdrew => false,
            })
        });
        self.machines
            .get(number)
            .into_iter()
            .flatten()
            .chain(of_router)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::internet::tests::internet;
    use crate::internet::{Fault, Kind};
    use crate::timeline::How;

    const SECOND: u64 = 1_000_000;

    fn sign(at: u64, told: Told) -> Sign {
        Sign { at, told }
    }

    fn asked(at: u64, took: u64, how: How, well: bool) -> Asked {
        Asked {
            at,
            took,
            from: "region-0".to_owned(),
            how,
            by: well.then(|| "region-1.n0".to_owned()),
            error: (!well).then(|| "timeout".to_owned()),
        }
    }

    fn mark(at: u64, kind: Kind, target: &str, undo: bool) -> Mark {
        let fault = Fault {
            kind,
            target: Target::read(target),
            pace: Duration::ZERO,
        };
        Mark { at, fault, undo }
    }

    /// A region whose node is killed at one second and started at two.
    pub(crate) fn killed() -> Evidence {
        let session = || "node1_n0".to_owned();
        let near = vec![
            sign(SECOND + 5_000, Told::Way(session(), false)),
            sign(SECOND + 5_100, Told::Forwards),
            sign(2 * SECOND + 700_000, Told::Way(session(), true)),
            sign(2 * SECOND + 700_100, Told::Forwards),
        ];
        let far = vec![sign(SECOND + 9_000, Told::Forwards)];
        Evidence {
            internet: internet(2, 1),
            marks: vec![
                mark(SECOND, Kind::KillRegion, "region-0", false),
                mark(2 * SECOND, Kind::KillRegion, "region-0", true),
            ],
            asked: vec![
                asked(SECOND / 2, 400, How::Fresh, true),
                asked(SECOND - 500, 3_000, How::KeepAlive, false),
                asked(SECOND + 4_000, 300, How::Fresh, false),
                asked(SECOND + 24_000, 300, How::Fresh, true),
                asked(2 * SECOND + 4_000, 300, How::Fresh, true),
                asked(3 * SECOND, 300, How::Fresh, true),
            ],
            routers: vec![near, far],
            machines: vec![
                vec![sign(2 * SECOND + 600_000, Told::Decided(true))],
                Vec::new(),
            ],
        }
    }

    #[test]
    fn an_episode_tells_what_a_fault_did() {
        let episodes = episodes(&killed());
        let killed = &episodes[0];
        assert_eq!(killed.what, "kill-region region-0");
        assert_eq!(killed.detect_us, Some(5_000));
        assert_eq!(killed.decide_us, None, "the dead decide nothing");
        assert_eq!(killed.withdraw_us, Some(5_000));
        assert_eq!(
            killed.converge_us,
            Some(9_000),
            "when the last router has changed"
        );
        assert_eq!(killed.first_error_us, Some(0), "it was under way");
        assert_eq!(killed.last_error_us, Some(4_000));
        assert_eq!((killed.asked, killed.failed, killed.failed_kept), (3, 2, 1));
        assert_eq!(killed.transitions, 1);
    }

    #[test]
    fn the_end_of_a_fault_is_an_episode_of_its_own() {
        let episodes = episodes(&killed());
        let back = &episodes[1];
        assert!(back.undo);
        assert_eq!(back.decide_us, Some(600_000));
        assert_eq!(back.detect_us, Some(600_000));
        assert_eq!(back.withdraw_us, Some(700_000));
        assert_eq!((back.failed, back.transitions), (0, 1));
    }

    #[test]
    fn a_fault_elsewhere_is_not_blamed_for_what_others_announce() {
        let mut evidence = killed();
        evidence.marks[0] = mark(SECOND, Kind::KillRegion, "region-1", false);
        let episodes = episodes(&evidence);
        assert_eq!(episodes[0].withdraw_us, None);
        assert_eq!(episodes[0].transitions, 0);
    }
}
