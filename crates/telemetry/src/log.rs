//! The program's own log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How lines of the program's own log look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Libraries that tell of every attempt: what became of it is ours to tell, once a minute. They are
/// heard if the filter names them.
const QUIET: &str = "krafka=off";

/// Starts logging. `filter` is a level or a list like `info,tidegate_mesh=debug`; a second call
/// changes nothing.
///
/// # Errors
/// What is wrong with the filter.
pub fn init_log(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(format!("{QUIET},{filter}")).map_err(|error| error.to_string())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error says that somebody has started logging before, as tests do.
    let _already = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
