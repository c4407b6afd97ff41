//! Checks of what is done about traces.

use tidegate_model::Diagnostic;

use super::names::{ROUTE, must_be_known, must_be_part};
use super::otlp::check_otlp;
use crate::{Source, Spanned, TracesSpec, TracesTo, WorldSpec};

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
    let routes = routes.map(|(route, part)| (format!("all traces of `{route}`"), part));
    let hint = "write 0.01 for every hundredth trace, 0 for none";
    for (whole, part) in routes.chain([("all traces".to_owned(), &sample.ratio)]) {
        must_be_part(&whole, part, hint, source, problems);
    }
    for (route, part) in &sample.routes {
        let known = world.routes.keys().map(String::as_str);
        let at = part.range.clone();
        must_be_known("traces sample", route, at, ROUTE, known, source, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::report_with;

    fn report(traces: &str) -> String {
        report_with(&format!("traces: {traces}"))
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
