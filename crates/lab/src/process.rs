//! How a process of a world is started.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// One process of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// What it is called, and what its log is named after.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// A program of others, if it is not this one.
    pub program: Option<PathBuf>,
    /// The network namespace it runs in, if not ours.
    pub space: Option<String>,
}

impl Process {
    /// A subcommand of this program.
    #[must_use]
    pub fn own(name: &str, args: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            args,
            program: None,
            space: None,
        }
    }

    /// A program of others.
    #[must_use]
    pub fn other(name: &str, program: &str, args: Vec<String>) -> Self {
        Self {
            program: Some(program.into()),
            ..Self::own(name, args)
        }
    }

    /// The same in a network namespace.
    #[must_use]
    pub fn within(mut self, space: String) -> Self {
        self.space = Some(space);
        self
    }

    /// What starts it. `itself` is this program.
    pub(crate) fn command(&self, itself: &Path) -> Command {
        let program = self.program.as_deref().unwrap_or(itself);
        let mut command = match &self.space {
            // It becomes the program, so its number is the program's.
            Some(space) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", space]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(&self.args);
        if self.program.is_some() {
            // Logs of others are read by the report, in one time zone.
            command.env("TZ", "UTC");
        }
        command
    }
}
