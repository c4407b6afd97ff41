//! Checks of the access log's destinations.

use tidegate_model::Diagnostic;

use super::names::{Kind, must_be_known, must_be_name};
use crate::{RegionSpec, Source, WorldSpec};

/// Destinations of one node, with the one of the command line: a label has as many values.
const LOGS_MAX: usize = 8;
const ROUTE: Kind = Kind {
    noun: "route",
    declared: "under `routes:` in world.yaml",
};

pub(super) fn check_logs(
    region: &RegionSpec,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    for (at, (name, log)) in region.logs.iter().enumerate() {
        must_be_name("log", name, log.range.clone(), source, problems);
        if at >= LOGS_MAX {
            let message = format!("`{name}` is one log more than a node can write");
            let span = source.span(log.range.clone());
            let problem = Diagnostic::error(message, span, "this one");
            problems
                .push(problem.hint(format!("keep {LOGS_MAX} and let others collect from them")));
        }
        for (route, part) in &log.value.sample {
            let known = world.routes.keys().map(String::as_str);
            let who = format!("the log `{name}` samples");
            let at = part.range.clone();
            must_be_known(&who, route, at, ROUTE, known, source, problems);
            if !(0.0..=1.0).contains(&part.value) {
                let message = format!("the log `{name}` cannot keep {} of `{route}`", part.value);
                let span = source.span(part.range.clone());
                let problem = Diagnostic::error(message, span, "not a part of 1");
                problems
                    .push(problem.hint("write 0.1 for every tenth request; errors are all kept"));
            }
        }
    }
}
