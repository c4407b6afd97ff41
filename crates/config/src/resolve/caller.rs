//! Checks of what services are told of callers.

use tidegate_model::Diagnostic;

use crate::{Source, WorldSpec};

pub(super) fn check_caller(world: &WorldSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let caller = &world.caller;
    for (what, hint) in caller.value.contradictions() {
        let message = format!("what services are told of callers cannot be meant: {what}");
        let span = source.span(caller.range.clone());
        problems.push(Diagnostic::error(message, span, "this section").hint(hint));
    }
    let Some(assertion) = &caller.value.assertion else {
        return;
    };
    for (name, route) in &world.routes {
        if route.value.path.value.to_string() == assertion.jwks_path {
            let message = format!("the route `{name}` can never be reached");
            let label = "the keys of assertions are published at this path";
            let span = source.span(route.value.path.range.clone());
            let problem = Diagnostic::error(message, span, label);
            problems.push(problem.hint("choose another path, or another `jwks_path`"));
        }
    }
}
