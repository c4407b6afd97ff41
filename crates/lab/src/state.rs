//! What is written down of a running world, so that other commands find it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate_model::{NodeId, RegionId};

use crate::child::{alive, start_time};

/// A running world: `world.json` in its data folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// The process that holds the world together.
    pub supervisor: Member,
    /// All other processes, by name.
    pub members: BTreeMap<String, Member>,
    /// Admin doors of nodes.
    pub admins: BTreeMap<NodeId, SocketAddr>,
    /// Doors of nodes, by node and door.
    pub doors: BTreeMap<NodeId, BTreeMap<String, SocketAddr>>,
    /// Where clients near each region come in.
    pub fronts: BTreeMap<RegionId, SocketAddr>,
    /// Network namespaces, written down before they are made.
    #[serde(default)]
    pub spaces: Vec<String>,
}

/// One process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its number.
    pub pid: u32,
    /// When it started; tells it from a later process with the same number.
    pub started: u64,
}

impl Member {
    /// The process with this number, as it runs now.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self {
            pid,
            started: start_time(pid).unwrap_or(0),
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        alive(self.pid, self.started)
    }
}

impl State {
    fn path(data: &Path) -> PathBuf {
        data.join("world.json")
    }

    /// What is written down in a data folder; `None` if nothing is, or nothing usable.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(data)).ok()?).ok()
    }

    /// Writes it down, whole or not at all.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn write(&self, data: &Path) -> io::Result<()> {
        let path = Self::path(data);
        let fresh = path.with_extension("json.new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        fs::rename(fresh, path)
    }

    /// Removes what is written down.
    pub fn remove(data: &Path) {
        // It may never have been there.
        let _absent = fs::remove_file(Self::path(data));
    }

    /// Whether the world that is written down runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.supervisor.runs()
    }
}
