//! The only reader of configuration files.

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_config::{Loaded, Report, Source, load, load_node};

const WORLD: &str = "world.yaml";

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A file cannot be read, in a sentence.
    Unreadable(String),
    /// The texts are wrong.
    Wrong(Report),
}

impl Refused {
    /// The whole story for a terminal.
    pub(crate) fn text(&self, colours: bool) -> String {
        match self {
            Self::Unreadable(sentence) => sentence.clone(),
            Self::Wrong(report) => {
                let (errors, _) = report.counts();
                let s = if errors == 1 { "" } else { "s" };
                format!(
                    "the configuration has {errors} error{s}\n\n{}",
                    report.render(colours).trim_end()
                )
            }
        }
    }
}

fn read(path: &Path) -> Result<Source, Refused> {
    let text = fs::read_to_string(path).map_err(|error| {
        Refused::Unreadable(format!("{} cannot be read: {error}", path.display()))
    })?;
    Ok(Source::new(path.to_owned(), &text))
}

/// Reads `world.yaml` and every other YAML file of a folder.
pub(crate) fn load_folder(folder: &Path) -> Result<(Loaded, Report), Refused> {
    let unreadable = |error: std::io::Error| {
        Refused::Unreadable(format!(
            "the folder {} cannot be read: {error}",
            folder.display()
        ))
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|e| e.path()))
                .collect::<Result<_, _>>()
        })
        .map_err(unreadable)?;
    files.retain(|path| {
        let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        yaml && path.file_name().is_some_and(|name| name != WORLD)
    });
    files.sort();
    let world = read(&folder.join(WORLD))?;
    let regions = files
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>, _>>()?;
    load(world, regions).map_err(Refused::Wrong)
}

/// Reads a region's file and `world.yaml` beside it.
pub(crate) fn load_region(region: &Path) -> Result<(Loaded, Report), Refused> {
    let world = region
        .parent()
        .unwrap_or_else(|| Path::new("."))
        .join(WORLD);
    load_node(read(&world)?, read(region)?).map_err(Refused::Wrong)
}
