//! Figures for people: printed, and collected for the end of `cargo xtask test`.

use std::io::Write;

/// Prints a line, and adds it to the file that `TIDEGATE_REPORT` names.
pub fn report(line: &str) {
    println!("{line}");
    if let Some(path) = std::env::var_os("TIDEGATE_REPORT") {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        if let Ok(mut file) = file {
            // A figure that cannot be kept was printed, at least.
            let _kept = writeln!(file, "{line}");
        }
    }
}
