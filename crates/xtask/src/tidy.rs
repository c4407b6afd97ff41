//! `cargo xtask tidy`: the rules of the house that the compiler does not know.

mod arrows;
mod deploy;
mod files;
mod keys;
mod links;
mod report;

use std::path::Path;
use std::process::Command;

use self::report::Report;
use crate::command::{cargo, output};

/// Checks everything and prints what is wrong. Whether nothing is.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    let mut report = Report::default();
    let metadata = output(&mut cargo(
        root,
        &["metadata", "--locked", "--no-deps", "--format-version", "1"],
    ))?;
    arrows::check(&arrows::packages(&metadata)?, &mut report);
    let listed = output(Command::new("git").current_dir(root).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let paths: Vec<&str> = listed
        .lines()
        .filter(|path| root.join(path).is_file())
        .collect();
    for path in &paths {
        let bytes = std::fs::read(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        files::check(path, &bytes, &mut report);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        if path.ends_with(".md") {
            links::check(path, text, |target| root.join(target).exists(), &mut report);
        }
        if let Some(document) = keys::document(path, text) {
            let described = std::fs::read_to_string(root.join(document)).unwrap_or_default();
            keys::check(path, text, document, &described, &mut report);
        }
    }
    files::check_pure(root, &mut report)?;
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    deploy::check(&paths, read, &mut report);
    for problem in crate::dashboards::problems(root)? {
        report.error(problem);
    }
    Ok(report.print(paths.len()))
}
