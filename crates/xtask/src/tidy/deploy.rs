//! What operators deploy holds together: each alert has its page and its test, and each promise
//! about consistency names a test that there is.

use std::collections::BTreeSet;

use super::report::Report;

const ALERTS: &str = "deploy/prometheus/rules/alerts.yml";
const TESTS: &str = "deploy/prometheus/rules/tests.yml";
const RUNBOOKS: &str = "deploy/runbooks/";
const CONSISTENCY: &str = "deploy/CONSISTENCY.md";

/// `read` gives a file's text, or nothing.
pub(super) fn check(paths: &[&str], read: impl Fn(&str) -> String, report: &mut Report) {
    let alerts = read(ALERTS);
    let alerts: BTreeSet<&str> = after(&alerts, "- alert: ").collect();
    let tests = read(TESTS);
    let tested: BTreeSet<&str> = after(&tests, "- name: ").collect();
    for alert in &alerts {
        if !tested.contains(alert) {
            report.error(format!("{TESTS}: nothing tests the alert {alert}"));
        }
        let page = format!("{RUNBOOKS}{alert}.md");
        if !paths.contains(&page.as_str()) {
            report.error(format!(
                "{page} is missing: what to do when {alert} is heard"
            ));
        }
    }
    for path in paths {
        let page = path
            .strip_prefix(RUNBOOKS)
            .and_then(|name| name.strip_suffix(".md"));
        if page.is_some_and(|alert| !alerts.contains(alert)) {
            report.error(format!("{path} belongs to no alert of {ALERTS}"));
        }
    }
    let named = read(CONSISTENCY);
    let mut named = tests_named(&named).peekable();
    if named.peek().is_none() {
        report.error(format!("{CONSISTENCY} names no test"));
    }
    for (file, test) in named {
        if !read(file).contains(&format!("fn {test}(")) {
            report.error(format!("{CONSISTENCY}: {file} has no test `{test}`"));
        }
    }
}

fn after<'t>(text: &'t str, word: &'static str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .filter_map(move |line| line.trim().strip_prefix(word))
        .map(str::trim)
}

/// Tests as the table has them: `path/to/file.rs::name`.
fn tests_named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|name| name.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told() {
        let read = |path: &str| {
            let text = match path {
                ALERTS => "- alert: A\n- alert: B\n",
                TESTS => "- name: A\n",
                CONSISTENCY => "| `t.rs::there` | `t.rs::gone` |",
                "t.rs" => "fn there() {}",
                _ => "",
            };
            text.to_owned()
        };
        let mut report = Report::default();
        check(
            &["deploy/runbooks/A.md", "deploy/runbooks/C.md"],
            read,
            &mut report,
        );
        let wanted = [
            "nothing tests the alert B",
            "B.md is missing",
            "C.md belongs to no alert",
            "no test `gone`",
        ];
        assert_eq!(report.errors.len(), wanted.len(), "{:?}", report.errors);
        for (error, want) in report.errors.iter().zip(wanted) {
            assert!(error.contains(want), "{error}");
        }
    }
}
