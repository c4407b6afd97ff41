//! Links and paths in documents lead somewhere.

use super::report::Report;

/// Checks the links to files of this repository. `exists` says whether a path from the root does.
pub(super) fn check(path: &str, text: &str, exists: impl Fn(&str) -> bool, report: &mut Report) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (number, line) in (1..).zip(text.lines()) {
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !exists(&joined(folder, file)) {
                report.error(format!("{path}:{number}: {file} does not exist"));
            }
        }
    }
}

/// What stands in `](...)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// A path that begins in a folder, from the root.
fn joined(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let text =
            "See [a](a.md#top), [b](../b.md), [web](https://example.com/x) and [c](#here).\n";
        let mut report = Report::default();
        check("docs/x.md", text, |path| path == "docs/a.md", &mut report);
        assert_eq!(report.errors, ["docs/x.md:1: ../b.md does not exist"]);
        report.errors.clear();
        check(
            "docs/x.md",
            text,
            |path| ["docs/a.md", "b.md"].contains(&path),
            &mut report,
        );
        assert!(report.errors.is_empty());
    }
}
