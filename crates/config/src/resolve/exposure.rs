//! Checks of exposure: whether what is not for everyone can be reached by everyone.
//!
//! A door never shows a route beyond its exposure, whatever is asked for. What remains are two ways
//! around that only the configuration can open: a wider route that leads to the same service and
//! takes what the narrow one takes but for its spelling (services read `/Admin`, `/admin;x` or
//! another host as they like), and a door that stands further out than its label says.

use std::net::IpAddr;

use tidegate_model::{Diagnostic, Exposure};

use super::routes::matches;
use crate::{RegionSpec, RouteText, Source, Spanned, WorldSpec};

pub(super) fn check_exposure(
    world: &WorldSpec,
    source: &Source,
    regions: &[(RegionSpec, Source)],
    problems: &mut Vec<Diagnostic>,
) {
    for (name, route) in &world.routes {
        for (wide_name, wide) in &world.routes {
            if leads_around(&route.value, &wide.value, regions) {
                let (narrow, wider) = (route.value.exposure, wide.value.exposure);
                let message =
                    format!("the {narrow} route `{name}` can be reached from {wider} doors");
                let label = format!(
                    "`{wide_name}` takes the same in another spelling, to the same service"
                );
                let span = source.span(route.value.path.range.clone());
                let problem = Diagnostic::error(message, span, label);
                problems.push(problem.hint(format!(
                    "services differ in what they take for the same path or host: let `{wide_name}` list the paths that are {wider}, \
                     or give the {narrow} part a service of its own"
                )));
            }
        }
    }
    for (region, source) in regions {
        check_shown(world, region, source, problems);
        check_doors(region, source, problems);
    }
}

/// Whether a route leads where a narrower one leads, from further out, and takes what that takes or
/// more. One that takes a part of it only is a hole that somebody made on purpose.
fn leads_around(narrow: &RouteText, wide: &RouteText, regions: &[(RegionSpec, Source)]) -> bool {
    let (inner, outer) = (matches(narrow), matches(wide));
    inner.exposure > outer.exposure
        && same_service(&narrow.upstream.value, &wide.upstream.value, regions)
        && inner.overlaps(&outer)
        && !outer.within(&inner)
}

/// Upstreams of one name, or with an endpoint in common.
fn same_service(a: &str, b: &str, regions: &[(RegionSpec, Source)]) -> bool {
    a == b
        || regions.iter().any(|(region, _)| {
            let [a, b] = [a, b].map(|name| region.upstreams.get(name).map(|ends| &ends.value));
            let (Some(a), Some(b)) = (a, b) else {
                return false;
            };
            a.iter()
                .any(|end| b.iter().any(|other| end.value == other.value))
        })
}

/// A route that no door shows is served to nobody.
fn check_shown(
    world: &WorldSpec,
    region: &RegionSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let Some(innermost) = region.doors.values().map(|door| door.value.exposure).max() else {
        return;
    };
    let beyond =
        |(_, route): &(&String, &Spanned<RouteText>)| !innermost.shows(route.value.exposure);
    let mut hidden = world.routes.iter().filter(beyond);
    if let Some((name, route)) = hidden.next() {
        let exposure = route.value.exposure;
        let message = format!("no door of this region shows the {exposure} route `{name}`");
        let span = source.span(region.region.range.clone());
        let problem = Diagnostic::error(message, span, "in this region").warning();
        problems.push(problem.hint(format!(
            "open one: `doors: {{ inside: {{ exposure: {exposure}, ... }} }}`"
        )));
    }
}

/// A door that is not public does not listen where everyone is.
fn check_doors(region: &RegionSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    for (name, door) in &region.doors {
        let exposure = door.value.exposure;
        if exposure == Exposure::Public {
            continue;
        }
        let of_nodes = region
            .nodes
            .values()
            .filter_map(|node| node.value.doors.get(name));
        for addr in of_nodes.chain(&door.value.listen) {
            if is_global(addr.value.ip()) {
                let message = format!("the {exposure} door `{name}` listens on a public address");
                let span = source.span(addr.range.clone());
                let problem = Diagnostic::error(message, span, "everyone can reach it").warning();
                problems.push(problem.hint("listen on an address of the inner network"));
            }
        }
    }
}

/// Whether an address can be reached from the internet, as far as it tells: the unspecified one
/// does not.
fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_unique_local()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_unspecified())
        }
    }
}
