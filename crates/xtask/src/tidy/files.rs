//! Rules for single files.

use std::path::Path;

use super::arrows::PURE;
use super::report::Report;

/// A file longer than this has probably more than one job.
const LINES_MAX: usize = 500;
/// Comments are wrapped here; rustfmt sees to code.
const COMMENT_MAX: usize = 100;
/// Prose is wrapped here, except in tables and code.
const PROSE_MAX: usize = 140;
/// Nothing in a repository of text is larger; the lock file is generated.
const BYTES_MAX: usize = 256 * 1024;

pub(super) fn check(path: &str, bytes: &[u8], report: &mut Report) {
    if bytes.len() > BYTES_MAX && path != "Cargo.lock" {
        report.error(format!("{path} is larger than {BYTES_MAX} bytes"));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        if !path.ends_with(".png") {
            report.error(format!("{path} is not text"));
        }
        return;
    };
    for (number, line) in (1..).zip(text.lines()) {
        if line.ends_with([' ', '\t']) {
            report.error(format!("{path}:{number}: space at the end of the line"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        report.error(format!("{path} does not end with a line break"));
    }
    if path.ends_with(".rs") {
        check_rust(path, text, report);
    }
    if path.ends_with(".md") {
        check_prose(path, text, report);
    }
}

fn check_rust(path: &str, text: &str, report: &mut Report) {
    let is_tests = path.ends_with("/tests.rs");
    if !text.starts_with("//!") && !is_tests {
        report.error(format!("{path}:1: say what this file is for: `//! ...`"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        if code.starts_with("//") && line.chars().count() > COMMENT_MAX {
            report.error(format!(
                "{path}:{number}: wrap this comment at {COMMENT_MAX}"
            ));
        }
        if code.starts_with("#[allow(") || code.starts_with("#![allow(") {
            report.error(format!(
                "{path}:{number}: `expect` with a reason instead of `allow`"
            ));
        }
    }
    if path.ends_with("/lib.rs") && path.starts_with("crates/") {
        check_face(path, text, report);
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && !is_tests {
        report.warn(format!("{path} has {lines} lines: one job a file"));
    }
}

/// `lib.rs` is documentation, modules and re-exports.
fn check_face(path: &str, text: &str, report: &mut Report) {
    const ITEMS: [&str; 9] = [
        "fn ",
        "struct ",
        "enum ",
        "trait ",
        "impl",
        "const ",
        "static ",
        "type ",
        "macro_rules",
    ];
    for (number, line) in (1..).zip(text.lines()) {
        let item = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ");
        if ITEMS.iter().any(|start| item.starts_with(start)) {
            report.error(format!(
                "{path}:{number}: lib.rs is documentation, `mod` and `use` only"
            ));
        }
    }
}

fn check_prose(path: &str, text: &str, report: &mut Report) {
    let mut code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        let fixed = code || line.starts_with('|') || line.contains("](http");
        if !fixed && line.chars().count() > PROSE_MAX {
            report.error(format!("{path}:{number}: wrap this line at {PROSE_MAX}"));
        }
    }
}

/// Crates that only decide are linted with the stricter file.
pub(super) fn check_pure(root: &Path, report: &mut Report) -> Result<(), String> {
    let strict = root.join("crates/pure.clippy.toml");
    let strict =
        std::fs::read(&strict).map_err(|error| format!("{}: {error}", strict.display()))?;
    for name in PURE {
        let own = std::fs::read(root.join("crates").join(name).join("clippy.toml"));
        if own.ok().as_ref() != Some(&strict) {
            report.error(format!(
                "crates/{name}/clippy.toml must be a link to ../pure.clippy.toml"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(path, text.as_bytes(), &mut report);
        report.errors
    }

    #[test]
    fn a_tidy_file_passes() {
        let text = "//! What this is for.\n\nfn main() {}\n";
        assert_eq!(errors("crates/x/src/main.rs", text), [""; 0]);
        assert_eq!(
            errors("crates/x/src/a/tests.rs", "use super::*;\n"),
            [""; 0]
        );
    }

    #[test]
    fn each_rule_is_noticed() {
        let long = format!("//! {}\n", "word ".repeat(24).trim_end());
        for (path, text, says) in [
            (
                "crates/x/src/a.rs",
                "fn a() {}\n",
                "say what this file is for",
            ),
            (
                "crates/x/src/a.rs",
                "//! A.\n#[allow(unused)]\n",
                "`expect`",
            ),
            ("crates/x/src/a.rs", "//! A. \n", "space at the end"),
            ("crates/x/src/a.rs", "//! A.", "line break"),
            ("crates/x/src/a.rs", &long, "wrap this comment"),
            ("crates/x/src/lib.rs", "//! A.\npub fn a() {}\n", "lib.rs"),
            ("A.md", &format!("{}\n", "x".repeat(141)), "wrap this line"),
        ] {
            let errors = errors(path, text);
            assert!(
                errors.len() == 1 && errors[0].contains(says),
                "{says}: {errors:?}"
            );
        }
        let table = format!("| {} |\n", "x".repeat(200));
        assert_eq!(errors("A.md", &table), [""; 0]);
        let mut report = Report::default();
        check("a.bin", &[0xff, 0xfe], &mut report);
        assert!(report.errors[0].contains("not text"));
    }

    #[test]
    fn long_files_are_mentioned() {
        let mut report = Report::default();
        let text = format!("//! A.\n{}", "fn a() {}\n".repeat(600));
        check("crates/x/src/a.rs", text.as_bytes(), &mut report);
        assert!(report.errors.is_empty() && report.warnings.len() == 1);
    }
}
