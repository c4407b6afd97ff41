//! One process of a world.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::io::AsyncWriteExt;

use crate::process::Process;

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{name} could not be started: {source}")]
pub struct ChildError {
    /// Which one.
    pub name: String,
    /// Why not.
    pub source: io::Error,
}

/// A process that runs. It holds the other end of its standard input: when we end, however we end,
/// it ends too.
#[derive(Debug)]
pub struct Child {
    /// What it is called.
    pub name: String,
    child: tokio::process::Child,
}

impl Child {
    /// Starts a process that writes what it says to `log`.
    ///
    /// # Errors
    /// [`ChildError`].
    pub fn start(program: &Path, process: &Process, log: &Path) -> Result<Self, ChildError> {
        let failed = |source| ChildError {
            name: process.name.clone(),
            source,
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(failed)?;
        let mut command = process.command(program);
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // Ctrl-C is for us; we end the others in order.
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(failed)?;
        Ok(Self {
            name: process.name.clone(),
            child,
        })
    }

    /// Its number, as long as it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Says a line to it, by its standard input.
    ///
    /// # Errors
    /// If it is gone.
    pub async fn tell(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.child.stdin.as_mut();
        let stdin = stdin.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        stdin.flush().await
    }

    /// Asks it to end, and waits; makes it end if it takes too long.
    pub async fn stop(mut self, patience: Duration) {
        // Its lifeline is held until it is gone: the end of it would be a second order.
        let _lifeline = self.child.stdin.take();
        if let Some(pid) = self.pid() {
            // One that was frozen on purpose hears nothing.
            freeze(pid, false);
            terminate(pid);
        }
        if tokio::time::timeout(patience, self.child.wait())
            .await
            .is_err()
        {
            // What is gone already needs no killing.
            let _gone = self.child.kill().await;
        }
    }

    /// Ends it on the spot, as a crash would.
    pub async fn crash(mut self) {
        let _gone = self.child.kill().await;
    }
}

fn pid(raw: u32) -> Option<Pid> {
    i32::try_from(raw).ok().and_then(Pid::from_raw)
}

/// Asks a process to end (SIGTERM).
pub fn terminate(process: u32) {
    if let Some(pid) = pid(process) {
        // What is gone already needs no asking.
        let _gone = kill_process(pid, Signal::TERM);
    }
}

/// Ends a process on the spot (SIGKILL).
pub fn kill(process: u32) {
    if let Some(pid) = pid(process) {
        let _gone = kill_process(pid, Signal::KILL);
    }
}

/// Stops a process from running, or lets it run on.
pub fn freeze(process: u32, frozen: bool) {
    if let Some(pid) = pid(process) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        let _gone = kill_process(pid, signal);
    }
}

/// Whether a process with this number and start time runs. Numbers are used again; number and start
/// time are not.
#[must_use]
pub fn alive(process: u32, started: u64) -> bool {
    pid(process).is_some_and(|pid| test_kill_process(pid).is_ok())
        && start_time(process) == Some(started)
}

/// When a process started, in clock ticks since the machine did (proc(5), field 22). Elsewhere than
/// on Linux the number alone must do.
pub(crate) fn start_time(process: u32) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return Some(0);
    }
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in parentheses that may itself hold anything. State follows it.
    let fields = stat.rsplit_once(')')?.1;
    let mut fields = fields.split_whitespace();
    let zombie = fields.clone().next() == Some("Z");
    fields.nth(19)?.parse().ok().filter(|_| !zombie)
}
