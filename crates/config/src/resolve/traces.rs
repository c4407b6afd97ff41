//! Checks of what is done about traces.

use tidegate_model::Diagnostic;

use super::names::{Kind, must_be_known};
use super::otlp::check_otlp;
use crate::{Source, Spanned, TracesSpec, TracesTo, WorldSpec};

const ROUTE: Kind = Kind {
    noun: "route",
    declared: "under `routes:` in world.yaml",
};

pub(super) fn check_traces(
    traces: &Spanned<TracesSpec>,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let TracesTo::Otlp(otlp) = &traces.value.to;
    check_otlp("traces", otlp, source, problems);
    let sample = &traces.value.sample;
    let routes = sample.routes.iter();
    let routes = routes.map(|(route, part)| (format!("traces of `{route}`"), part));
    for (what, part) in routes.chain([("traces".to_owned(), &sample.ratio)]) {
        if !(0.0..=1.0).contains(&part.value) {
            let message = format!("{} of all {what} cannot be kept", part.value);
            let span = source.span(part.range.clone());
            let problem = Diagnostic::error(message, span, "not a part of 1");
            problems.push(problem.hint("write 0.01 for every hundredth trace, 0 for none"));
        }
    }
    for (route, part) in &sample.routes {
        let known = world.routes.keys().map(String::as_str);
        let at = part.range.clone();
        must_be_known("traces sample", route, at, ROUTE, known, source, problems);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Source, load_node};

    const WORLD: &str = "\
regions:
  us-east-1: { location: [38.9, -77.4] }
upstreams:
  echo: {}
routes:
  open: { path: /open/*, upstream: echo, auth: none }
";

    fn report(traces: &str) -> String {
        let region = format!(
            "region: us-east-1\nnodes:\n  a: {{ mesh: 10.0.0.1:1 }}\ndoors:\n  public: {{ listen: 0.0.0.0:80 }}\n\
             upstreams:\n  echo: [127.0.0.1:9]\ntraces: {traces}\n"
        );
        let source = |name: &str, text: &str| Source::new(name.into(), text);
        match load_node(source("world.yaml", WORLD), source("region.yaml", &region)) {
            Ok((_, report)) | Err(report) => report.render(false),
        }
    }

    #[test]
    fn what_cannot_be_is_told_why() {
        let to =
            |otlp: &str, more: &str| report(&format!("{{ to: {{ otlp: {{ {otlp} }} }}, {more} }}"));
        let url = "url: http://127.0.0.1:4318";
        let good =
            "read: [w3c, b3, b3_multi], sample: { ratio: 0.5, routes: { open: 1 }, slow: 1s }";
        assert_eq!(to(url, good), "");
        for (otlp, more, part) in [
            ("url: collector:4318", "", "not a URL of HTTP"),
            (url, "sample: { ratio: 2 }", "not a part of 1"),
            (url, "sample: { routes: { opn: 0.1 } }", "opn"),
            (url, "sample: { routes: { open: -1 } }", "not a part of 1"),
            (url, "write: [jaeger]", "jaeger"),
            (url, "spans_max: 0", "spans_max"),
            (
                "url: http://a, headers: { a b: c }",
                "",
                "not a field of HTTP",
            ),
            (
                "url: http://a, headers: { a: b }, header_files: { a: f }",
                "",
                "twice",
            ),
        ] {
            let told = to(otlp, more);
            assert!(
                told.contains(part) && told.contains("region.yaml:"),
                "{otlp} {more}: {told}"
            );
        }
    }
}
