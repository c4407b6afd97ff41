//! What logs tell: BIRD's of routes and sessions, ours of decisions.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Something that a log tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sign {
    /// When.
    pub at: u64,
    /// What.
    pub told: Told,
}

/// What a log tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A router's session with a neighbour ended.
    SessionDown(String),
    /// A neighbour told a router that a way is there (`true`), other, or gone.
    Way(String, bool),
    /// A router sends packets elsewhere.
    Forwards,
    /// A node decided to announce or to withdraw itself.
    Decided(bool),
    /// A watchdog withdrew its node.
    WatchdogWithdrew,
}

/// What a line of a router's BIRD tells of the address.
#[must_use]
pub fn of_router(line: &str, address: &str) -> Option<Sign> {
    // 2026-11-25 18:42:12.787297 <TRACE> node1_a.ipv4 > removed [sole] 203.0.113.1/32 0L 4G unicast
    let (stamp, rest) = line.split_once(" <TRACE> ")?;
    let (protocol, what) = rest.split_once([':', ' '])?;
    let what = what.trim();
    let told = match protocol.strip_suffix(".ipv4") {
        None if what == "State changed to stop" => Told::SessionDown(protocol.to_owned()),
        Some(protocol) if what.split(' ').any(|word| word == address) => {
            let (direction, verb) = what.split_once(' ')?;
            let verb = verb.split(' ').next()?;
            match direction {
                ">" => Told::Way(protocol.to_owned(), verb != "removed"),
                "<" if protocol.starts_with("kernel") => Told::Forwards,
                _ => return None,
            }
        }
        _ => return None,
    };
    let stamp: DateTime = stamp.parse().ok()?;
    let stamp = stamp.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Sign {
        at: micros(stamp)?,
        told,
    })
}

/// What a line of a node or of its watchdog tells.
#[must_use]
pub fn of_node(line: &str) -> Option<Sign> {
    let told = if line.contains("Plan applied.") {
        Told::Decided(line.contains("announce=true"))
    } else if line.contains("does not answer: withdrawn.") {
        Told::WatchdogWithdrew
    } else {
        return None;
    };
    let stamp: Timestamp = line.split_whitespace().next()?.parse().ok()?;
    Some(Sign {
        at: micros(stamp)?,
        told,
    })
}

fn micros(stamp: Timestamp) -> Option<u64> {
    u64::try_from(stamp.as_microsecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIP: &str = "203.0.113.1/32";

    fn router(line: &str) -> Option<Told> {
        let line = format!("2026-11-25 18:42:12.787297 <TRACE> {line}");
        of_router(&line, VIP).map(|sign| sign.told)
    }

    #[test]
    fn routers_tell_of_sessions_and_routes() {
        let a = || "node1_a".to_owned();
        assert_eq!(
            router("node1_a: State changed to stop"),
            Some(Told::SessionDown(a()))
        );
        let removed = "node1_a.ipv4 > removed [sole] 203.0.113.1/32 0L 4G unicast";
        assert_eq!(router(removed), Some(Told::Way(a(), false)));
        let added = "node1_a.ipv4 > added [best] 203.0.113.1/32 0L 4G unicast";
        assert_eq!(router(added), Some(Told::Way(a(), true)));
        let kernel = "kernel1.ipv4 < replaced 203.0.113.1/32 0L 5G unicast";
        assert_eq!(router(kernel), Some(Told::Forwards));
        for other in [
            "node1_a.ipv4 > added [best] 10.77.1.0/24 0L 4G unicast",
            "to_eu.ipv4 < added 203.0.113.1/32 0L 4G unicast",
            "node1_a: State changed to up",
            "",
        ] {
            assert_eq!(router(other), None, "{other}");
        }
    }

    #[test]
    fn stamps_of_all_logs_are_one_time() {
        let router = of_router(
            "2026-11-25 18:42:12.787297 <TRACE> node1_a: State changed to stop",
            VIP,
        );
        let node = of_node(
            "2026-11-25T18:42:12.787297Z  INFO tidegate_anycast::bird: Plan applied. plan=3 announce=false reason=x",
        );
        let (router, node) = (router.unwrap(), node.unwrap());
        assert_eq!(node.told, Told::Decided(false));
        assert_eq!(router.at, node.at);
        assert_eq!(node.at % 1_000_000, 787_297);
    }
}
