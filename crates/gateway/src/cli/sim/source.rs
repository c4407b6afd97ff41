//! Reading plans, and the worlds that they name.

use std::path::Path;

use tidegate_config::{Loaded, Report, Source, load};
use tidegate_sim::Plan;

/// A plan, and its text.
pub(super) struct Read {
    pub(super) plan: Plan,
    pub(super) text: String,
}

/// Reads a plan. `None` if it is wrong; that was told.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<Read>, String> {
    let text = text_of(path)?;
    let source = Source::new(path.to_owned(), &text);
    let beside = path.parent().unwrap_or_else(|| Path::new("."));
    let mut world = |folder: &str| world(&beside.join(folder));
    match Plan::read_in(&source, &mut world) {
        Ok(plan) => Ok(Some(Read { plan, text })),
        Err(problems) => {
            anstream::print!("{}", Report::of(source, problems).render(true));
            Ok(None)
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// The world of a folder of regions.
fn world(folder: &Path) -> Result<Loaded, String> {
    let file = |path: &Path| Ok::<_, String>(Source::new(path.to_owned(), &text_of(path)?));
    let main = file(&folder.join("world.yaml"))?;
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let yaml = path.extension().is_some_and(|e| e == "yaml");
        yaml && path.file_stem().is_some_and(|name| name != "world")
    });
    paths.sort();
    let regions = paths.iter().map(|path| file(path));
    let regions = regions.collect::<Result<Vec<_>, _>>()?;
    match load(main, regions) {
        Ok((loaded, _)) => Ok(loaded),
        Err(report) => {
            anstream::print!("{}", report.render(true));
            Err("see above; `tidegate check` tells more".to_owned())
        }
    }
}
