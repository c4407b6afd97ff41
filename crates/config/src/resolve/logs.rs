//! Checks of the access log's destinations.

use tidegate_model::Diagnostic;

use super::log_targets::check_target;
use super::names::{ROUTE, must_be_known, must_be_name, must_be_part};
use crate::{RegionSpec, Source, WorldSpec};

/// Destinations of one node, with the one of the command line: a label has as many values.
const LOGS_MAX: usize = 12;
/// What `--access-log` is called in counters.
const MAIN: &str = "main";

pub(super) fn check_logs(
    region: &RegionSpec,
    world: &WorldSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    for (at, (name, log)) in region.logs.iter().enumerate() {
        must_be_name("log", name, log.range.clone(), source, problems);
        if name == MAIN {
            let span = source.span(log.range.clone());
            let message = "the log of the command line is called `main` already".to_owned();
            let problem = Diagnostic::error(message, span, "the same name");
            problems.push(problem.hint("choose another name: counters tell logs apart by it"));
        }
        if at >= LOGS_MAX {
            let message = format!("`{name}` is one log more than a node can write");
            let span = source.span(log.range.clone());
            let problem = Diagnostic::error(message, span, "this one");
            problems
                .push(problem.hint(format!("keep {LOGS_MAX} and let others collect from them")));
        }
        check_target(name, &log.value, source, problems);
        for (route, part) in &log.value.sample {
            let known = world.routes.keys().map(String::as_str);
            let who = format!("the log `{name}` samples");
            let at = part.range.clone();
            must_be_known(&who, route, at, ROUTE, known, source, problems);
            let whole = format!("`{route}` in the log `{name}`");
            let hint = "write 0.1 for every tenth request; errors are all kept";
            must_be_part(&whole, part, hint, source, problems);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{report as report_of, report_with};

    fn report(logs: &str) -> String {
        report_with(&format!("logs:\n  {logs}"))
    }

    #[test]
    fn the_example_of_deploy_is_good() {
        let text = include_str!("../../../../deploy/logs/region.yaml");
        assert_eq!(report_of(text), "");
    }

    #[test]
    fn a_log_that_cannot_be_is_told_why() {
        for good in [
            "more: { to: stdout, sample: { open: 0.1 } }",
            "more: { to: { file: { path: log, each: 1h } } }",
            "more: { to: { http: { url: 'http://h:1', shape: { loki: { labels: { env: prod } } } } } }",
            "more: { to: { http: { url: 'https://h', shape: { datadog: { tags: { env: prod } } }, \
             header_files: { dd-api-key: secrets/datadog } } }, batch: { age_max: 5s } }",
            "more: { to: { cloudwatch: { group: edge, create: true } } }",
            "more: { to: { kafka: { brokers: ['b:9092'], topic: edge.access, login: { user: u, \
             password_file: secrets/kafka } } }, batch: { lines_max: 9 } }",
            "more: { to: { kafka: { brokers: ['b:9093'], topic: t, tls: {}, compression: none, \
             login: { user: u, password_file: f, mechanism: plain } } } }",
            "more: { to: { otlp: { url: 'http://h:4317', protocol: grpc, gzip: true } }, batch: { lines_max: 9 } }",
        ] {
            assert_eq!(report(good), "", "{good}");
        }
        for (logs, part) in [
            ("main: { to: stdout }", "called `main` already"),
            ("more: { to: stdout, sample: { opn: 0.1 } }", "opn"),
            (
                "more: { to: stdout, sample: { open: 1.5 } }",
                "not a part of 1",
            ),
            ("more: { to: printer }", "printer"),
            (
                "more: { to: stdout, batch: { age_max: 1s } }",
                "of no effect",
            ),
            (
                "more: { to: { http: { url: 'ftp://h' } } }",
                "not a URL of HTTP",
            ),
            (
                "more: { to: { http: { url: 'http://h', headers: { 'a b': c } } } }",
                "not a field of HTTP",
            ),
            (
                "more: { to: { http: { url: 'http://h', shape: json_array } }, format: combined }",
                "wants JSON",
            ),
            (
                "more: { to: { http: { url: 'http://h', shape: { datadog: {} } } }, batch: { lines_max: 1001 } }",
                "Datadog takes 1 to 1000 lines",
            ),
            (
                "more: { to: { http: { url: 'http://h', shape: { loki: { labels: { a-b: c } } } } } }",
                "not a label of Loki",
            ),
            (
                "more: { to: { http: { url: 'http://h', shape: { loki: { labels: { node: c } } } } } }",
                "put in already",
            ),
            (
                "more: { to: { cloudwatch: { group: g } }, batch: { bytes_max: 2MiB } }",
                "CloudWatch takes",
            ),
            (
                "more: { to: { kafka: { brokers: [], topic: t } } }",
                "has unusable brokers",
            ),
            (
                "more: { to: { kafka: { brokers: ['b'], topic: t } } }",
                "write host:port",
            ),
            (
                "more: { to: { kafka: { brokers: ['b:1'], topic: 'a b' } } }",
                "not a name of a topic",
            ),
            (
                "more: { to: { kafka: { brokers: ['b:1'], topic: t, delivery_timeout: 1s } } }",
                "shorter than `timeout`",
            ),
            (
                "more: { to: { kafka: { brokers: ['b:1'], topic: t, timeout: 31s } } }",
                "shorter than `timeout`",
            ),
            (
                "more: { to: { kafka: { brokers: ['b:1'], topic: t, login: { user: u, \
                 password_file: f, mechanism: scram } } } }",
                "scram_sha_512, scram_sha_256, plain",
            ),
            (
                "more: { to: { kafka: { brokers: ['b:1'], topic: t, login: { user: u, \
                 password_file: f, mechanism: plain } } } }",
                "sends its password without TLS",
            ),
            (
                "more: { to: { otlp: { url: 'http://h:1' } }, format: ecs }",
                "wants JSON",
            ),
            ("more: { to: { otlp: { url: 'h' } } }", "not a URL of HTTP"),
        ] {
            let told = report(logs);
            assert!(
                told.contains(part) && told.contains("region.yaml:"),
                "{logs}: {told}"
            );
        }
    }
}
