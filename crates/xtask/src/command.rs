//! Running other programs.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// `cargo` with arguments, in the workspace's folder.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(args);
    command
}

/// Runs a program to its end and shows what it prints. Whether it succeeded.
pub(crate) fn show(command: &mut Command) -> Result<bool, String> {
    watch(command, |_| ())
}

/// Runs a program to its end, shows what it prints and hands each line of its standard output to
/// `each`. Whether it succeeded.
pub(crate) fn watch(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool, String> {
    let name = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    let out = child.stdout.take().expect("standard output is a pipe");
    let mut terminal = std::io::stdout().lock();
    for line in BufReader::new(out).lines() {
        let line = line.map_err(|error| format!("{name} cannot be read: {error}"))?;
        // Whoever reads along may have gone; the work goes on.
        let _shown = writeln!(terminal, "{line}");
        each(&line);
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    Ok(status.success())
}

/// What a program prints on its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
