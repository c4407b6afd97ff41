//! `tidegate check`: every problem of a configuration in one run.

mod online;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidegate_ask::unusable_login_files;
use tidegate_config::{AuthenticatorSpec, Loaded};
use tidegate_model::Diagnostic;
use tidegate_tokens::{unusable_files, unusable_signature_files};

use self::online::online;
use super::Outcome;
use crate::files::{Refused, load_folder, load_region};

/// Exit code of a configuration with errors.
const WRONG: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with world.yaml and a file for each region; or one region's file, as a node reads
    /// it.
    #[arg(default_value = "regions", value_name = "DIR")]
    path: PathBuf,
    /// Also ask what the configuration leads to: tables of keys, issuers of tokens, the clock.
    #[arg(long)]
    online: bool,
    /// The folder that paths in the configuration are relative to.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let loaded = if args.path.is_dir() {
        load_folder(&args.path)
    } else {
        load_region(&args.path)
    };
    let loaded = loaded.and_then(|(loaded, report)| {
        let report = report.with(files(&loaded, &args.data));
        match report.has_errors() {
            true => Err(Refused::Wrong(report)),
            false => Ok((loaded, report)),
        }
    });
    let colours = std::io::stdout().is_terminal();
    match loaded {
        Ok((loaded, report)) => {
            anstream::print!("{}", report.render(colours));
            let nodes: usize = loaded
                .regions
                .iter()
                .map(|region| region.spec.nodes.len())
                .sum();
            let (_, warnings) = report.counts();
            let warned = if warnings == 0 {
                String::new()
            } else {
                format!(", {warnings} to look at")
            };
            anstream::println!(
                "{} is good: {} regions, {nodes} nodes, {} routes, {} limits, generation {}{warned}",
                args.path.display(),
                loaded.region_ids.len(),
                loaded.world.routes.len(),
                loaded.world.limits.len(),
                loaded.generation,
            );
            if args.online {
                return online(&loaded, &args.data);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Refused::Wrong(report)) => {
            anstream::print!("{}", report.render(colours));
            let (errors, warnings) = report.counts();
            let plural = |n: usize| if n == 1 { "" } else { "s" };
            anstream::println!(
                "{} has {errors} error{} and {warnings} warning{}",
                args.path.display(),
                plural(errors),
                plural(warnings)
            );
            Ok(ExitCode::from(WRONG))
        }
        Err(Refused::Unreadable(sentence)) => {
            anstream::println!("error: {sentence}");
            Ok(ExitCode::from(WRONG))
        }
    }
}

/// Opens the files that authenticators name. A data folder that is not there is that of another
/// machine: then nothing can be said.
fn files(loaded: &Loaded, data: &Path) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (name, spec) in &loaded.world.authenticators {
        let (named_files, unusable) = match &spec.value {
            AuthenticatorSpec::Jwt(jwt) => {
                let files = [&jwt.keys.file, &jwt.keys.ca_file];
                (
                    files.into_iter().flatten().collect(),
                    unusable_files(jwt, data),
                )
            }
            AuthenticatorSpec::Signature(signed) => {
                let files = signed.keys.values().map(|key| &key.key_file).collect();
                (files, unusable_signature_files(signed, data))
            }
            AuthenticatorSpec::Oidc(login) => {
                let files = [&login.client_secret_file, &login.provider.ca_file];
                let files: Vec<&PathBuf> = files.into_iter().flatten().collect();
                (files, unusable_login_files(login, data))
            }
            _ => continue,
        };
        let named = |path: &Path| {
            let (text, range) = (&loaded.world_source.text, &spec.range);
            let path = path.to_string_lossy();
            let at = text[range.clone()].find(&*path).map(|at| range.start + at);
            let place = at.map_or_else(|| range.clone(), |at| at..at + path.len());
            loaded.world_source.span(place)
        };
        if !data.is_dir() {
            for path in named_files {
                let message = format!(
                    "a file of `{name}` was not opened: there is no data folder {}",
                    data.display()
                );
                let problem = Diagnostic::error(message, named(path), "not checked").warning();
                problems.push(problem.hint("say where the data folder is with --data"));
            }
            continue;
        }
        for file in unusable {
            let message = format!("a file of `{name}` cannot be used: {}", file.why);
            let problem = Diagnostic::error(message, named(&file.path), "this file");
            problems.push(problem.hint("paths are relative to the data folder (--data)"));
        }
    }
    problems
}
