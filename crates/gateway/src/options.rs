//! What a node is told on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::logs::MainLog;

/// What a node is told on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) region_file: PathBuf,
    pub(crate) node: String,
    pub(crate) data: PathBuf,
    pub(crate) mesh: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) doors: Vec<(String, SocketAddr)>,
    pub(crate) workers: Option<usize>,
    pub(crate) access_log: MainLog,
    /// Whether links to other regions may be cut through the admin door.
    pub(crate) lab: bool,
    /// Whether links to other regions are as long as on the globe.
    pub(crate) wan: bool,
}
