//! Checks of the DNS zone, and of the nodes that serve it.

use tidegate_model::Diagnostic;

use super::names::{REGION, must_be_known};
use crate::{RegionSpec, Source, Spanned, WorldSpec, ZoneSpec};

/// An answer with more addresses would not fit a packet.
const ADDRESSES_MAX: usize = 8;
/// Names and networks are looked through for each question.
const NAMES_MAX: usize = 1_000;
const NEAR_MAX: usize = 1_000;

pub(super) fn check_zone(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let Some(zone) = &world.zone else { return };
    check_regions(world, &zone.value, source, problems);
    let mut wrong = |message: String, label: &'static str, hint: &str| {
        let span = source.span(zone.range.clone());
        problems.push(Diagnostic::error(message, span, label).hint(hint));
    };
    let zone = &zone.value;
    let written = [&zone.name, &zone.contact];
    for name in written.into_iter().chain(&zone.servers) {
        if !is_name(name) {
            wrong(
                format!("`{name}` is no name of DNS"),
                "here",
                "labels of letters, digits and `-`, with dots between them",
            );
        }
    }
    let relative = zone.names.iter().filter(|name| *name != "@");
    if let Some(name) = relative.into_iter().find(|name| !is_name(name)) {
        wrong(
            format!("`{name}` is no name within a zone"),
            "under `names`",
            "relative to the zone: `api`, `www`, or `@` for the zone itself",
        );
    }
    for (empty, what) in [
        (zone.servers.is_empty(), "servers"),
        (zone.names.is_empty(), "names"),
        (zone.addresses.is_empty(), "addresses"),
    ] {
        if empty {
            wrong(
                format!("the zone has no {what}"),
                "an empty list",
                "resolvers could do nothing with it",
            );
        }
    }
    if zone.names.len() > NAMES_MAX || zone.near.len() > NEAR_MAX {
        wrong(
            format!("the zone has more than {NAMES_MAX} names or {NEAR_MAX} networks"),
            "too much",
            "each question looks through them",
        );
    }
    if zone.ttl.get().is_zero() || zone.regions_max == 0 || zone.answers_per_second == 0 {
        wrong(
            "`ttl`, `regions_max` and `answers_per_second` are at least 1".to_owned(),
            "a zero",
            "leave them out for 20s, 1 and 50",
        );
    }
}

fn check_regions(
    world: &WorldSpec,
    zone: &ZoneSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let known = world.regions.keys().map(String::as_str);
    for (region, addresses) in &zone.addresses {
        let range = addresses.range.clone();
        let who = "the zone has addresses of";
        must_be_known(
            who,
            region,
            range.clone(),
            REGION,
            known.clone(),
            source,
            problems,
        );
        if addresses.value.is_empty() || addresses.value.len() > ADDRESSES_MAX {
            let message = format!("`{region}` has {} addresses", addresses.value.len());
            let label = format!("1 to {ADDRESSES_MAX} fit an answer");
            problems.push(Diagnostic::error(message, source.span(range), label));
        }
    }
    for Spanned { value, range } in zone.near.values() {
        let known = zone.addresses.keys().map(String::as_str);
        let who = "a network of the zone is near";
        must_be_known(who, value, range.clone(), REGION, known, source, problems);
    }
}

/// A node that shall serve a zone that there is not.
pub(super) fn check_served(
    region: &RegionSpec,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let nodes = region.nodes.iter();
    for (name, dns) in nodes.filter_map(|(name, node)| Some((name, node.value.dns.as_ref()?))) {
        if world.zone.is_none() {
            let message = format!("the node `{name}` has no zone to serve");
            let span = source.span(dns.range.clone());
            let problem = Diagnostic::error(message, span, "an address for DNS");
            problems.push(problem.hint("write `zone:` in world.yaml, or remove this"));
        }
    }
}

fn is_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letter);
    text.len() <= 253 && text.split('.').all(label)
}
