//! Warns of credentials that can be read on their way: passwords, and keys where clients put them
//! by habit rather than by care, on doors without TLS.

use tidegate_model::Diagnostic;

use crate::auth::{AuthenticatorSpec, BY_KEY};
use crate::{DoorSpec, RegionSpec, RouteText, Source, Spanned, WorldSpec};

/// One warning for each such door. Behind proxies that are trusted TLS ends before us, and what
/// listens on a loopback address alone is in nobody's sight.
pub(super) fn check_clear(
    world: &WorldSpec,
    regions: &[(RegionSpec, Source)],
    problems: &mut Vec<Diagnostic>,
) {
    for (region, source) in regions {
        for (name, door) in &region.doors {
            if !is_clear(region, name, door) {
                continue;
            }
            let shown = world.routes.iter().filter(|(_, route)| {
                let exposure = route.value.exposure;
                door.value.exposure.shows(exposure)
            });
            let mut open = shown
                .filter_map(|(route, text)| Some((route, open_credential(&text.value, world)?)));
            let Some((route, what)) = open.next() else {
                continue;
            };
            let message = format!("the door `{name}` takes {what} without TLS");
            let span = source.span(door.range.clone());
            let label = format!("shows the route `{route}`; who is on the way can read it");
            let problem = Diagnostic::error(message, span, label).warning();
            problems.push(
                problem.hint(
                    "give the door `tls`, or name in `trusted_proxies` what ends TLS before it",
                ),
            );
        }
    }
}

fn is_clear(region: &RegionSpec, name: &str, door: &Spanned<DoorSpec>) -> bool {
    let nodes = region.nodes.values();
    let mut listens = nodes
        .filter_map(|node| node.value.doors.get(name))
        .chain(&door.value.listen);
    door.value.tls.is_none()
        && door.value.trusted_proxies.is_empty()
        && listens.any(|addr| !addr.value.ip().is_loopback())
}

/// The first credential of a route that travels as it is.
fn open_credential(route: &RouteText, world: &WorldSpec) -> Option<String> {
    route.auth.value.0.iter().find_map(|method| {
        if method == BY_KEY {
            let keys = &world.keys;
            return match (&keys.query, &keys.cookie, keys.basic) {
                (Some(query), _, _) => Some(format!("keys in the query (`{query}`)")),
                (_, Some(cookie), _) => Some(format!("keys in a cookie (`{cookie}`)")),
                (_, _, true) => Some("keys as users of Basic".to_owned()),
                (None, None, false) => None,
            };
        }
        match &world.authenticators.get(method)?.value {
            AuthenticatorSpec::Basic(_) => Some(format!("the passwords of `{method}`")),
            _ => None,
        }
    })
}
