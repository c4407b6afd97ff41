//! `--out DIR`: a run as files.

use std::path::{Path, PathBuf};

use tidegate_sim::recording::Recording;
use tidegate_sim::{Outcome, report};

/// Writes the page, the plots, the JSON and the metrics of a run into a folder, which is made if it
/// is not there. Returns the page's path.
///
/// # Errors
/// A sentence, if a file cannot be written.
pub(super) fn write(
    folder: &Path,
    recording: &Recording,
    outcome: &Outcome,
    again: &str,
) -> Result<PathBuf, String> {
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))
    };
    let plots = folder.join("plots");
    std::fs::create_dir_all(&plots)
        .map_err(|error| format!("{} cannot be made: {error}", plots.display()))?;
    for plot in report::plots(recording) {
        put(&plots.join(format!("{}.svg", plot.name)), &plot.svg)?;
    }
    let json = report::json(recording, outcome).map_err(|error| error.to_string())?;
    put(&folder.join("run.json"), &json)?;
    put(
        &folder.join("metrics.txt"),
        &report::open_metrics(recording),
    )?;
    let page = folder.join("report.html");
    put(&page, &report::html(recording, outcome, again))?;
    Ok(page)
}
