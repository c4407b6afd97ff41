//! The data folder: what a node keeps on disk, and where.
//!
//! ```text
//! data/
//!   certs/     ca.pem, one certificate and key for each node, and for hosts
//!   secrets/   pepper: what stored digests of keys depend on; the same on every node
//!              admin-token: what the admin door wants from browsers and other machines
//!   nodes/REGION.NODE/
//!     epoch       which life this is
//!     keys.redb   the embedded key store
//!     quotas.redb counts of quotas
//!     audit.jsonl what operators changed
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tidegate_identity::Pepper;
use tidegate_keystore::Embedded;
use tidegate_model::{Epoch, NodeId, Wall};

use crate::quotas::Quotas;

/// Where the admin door's token is, and how long it is at least.
pub(crate) const ADMIN_TOKEN: &str = "secrets/admin-token";
const ADMIN_TOKEN_MIN: usize = 16;

/// A data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn certs(&self) -> PathBuf {
        self.root.join("certs")
    }

    /// A path of the configuration, relative to this folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// What a file has that the configuration names.
    ///
    /// # Errors
    /// A sentence with its path, if it cannot be read.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let path = self.resolve(path);
        fs::read(&path).map_err(|error| format!("{} cannot be used: {error}", path.display()))
    }

    /// The line that a file has which the configuration names: a secret.
    ///
    /// # Errors
    /// A sentence with its path, if it cannot be read or is none.
    pub(crate) fn read_line(&self, path: &Path) -> Result<String, String> {
        let unusable = |why| format!("{} cannot be used: {why}", self.resolve(path).display());
        let text = String::from_utf8(self.read(path)?);
        let text = text.map_err(|_| unusable("it is not a text"))?;
        match text.trim() {
            "" => Err(unusable("it is empty")),
            line => Ok(line.to_owned()),
        }
    }

    fn pepper_path(&self) -> PathBuf {
        self.root.join("secrets").join("pepper")
    }

    fn node(&self, node: &NodeId) -> PathBuf {
        self.root
            .join("nodes")
            .join(format!("{}.{}", node.region, node.name()))
    }

    pub(crate) fn keys_path(&self, node: &NodeId) -> PathBuf {
        self.node(node).join("keys.redb")
    }

    /// Where changes of keys are recorded.
    pub(crate) fn audit_path(&self, node: &NodeId) -> PathBuf {
        self.node(node).join("audit.jsonl")
    }

    /// Makes the folder of a node, if it is not there.
    pub(crate) fn prepare(&self, node: &NodeId) -> Result<(), String> {
        make_folder(&self.node(node))
    }

    /// Makes the pepper if there is none. Returns its path if it was made.
    pub(crate) fn init_pepper(&self) -> Result<Option<PathBuf>, String> {
        let path = self.pepper_path();
        if path.exists() {
            return Ok(None);
        }
        make_folder(path.parent().unwrap_or(&self.root))?;
        let mut bytes = [0; 32];
        tidegate_runtime::fill(&mut bytes);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        write_secret(&path, &hex)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(Some(path))
    }

    /// What the admin door wants from browsers and from other machines. Made if there is none.
    pub(crate) fn admin_token(&self) -> Result<String, String> {
        let path = self.root.join(ADMIN_TOKEN);
        let failed = |error: io::Error| format!("{} cannot be used: {error}", path.display());
        if !path.exists() {
            make_folder(path.parent().unwrap_or(&self.root))?;
            let mut bytes = [0; 24];
            tidegate_runtime::fill(&mut bytes);
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            match write_secret(&path, &hex) {
                // Another node of this folder was faster.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(error));
                }
                _ => {}
            }
        }
        let token = fs::read_to_string(&path).map_err(failed)?.trim().to_owned();
        if token.len() < ADMIN_TOKEN_MIN {
            let path = path.display();
            return Err(format!(
                "{path} holds less than {ADMIN_TOKEN_MIN} characters"
            ));
        }
        Ok(token)
    }

    pub(crate) fn pepper(&self) -> Result<Pepper, String> {
        let path = self.pepper_path();
        let text = fs::read_to_string(&path).map_err(|error| {
            format!(
                "{} cannot be read: {error} (`tidegate certs init` makes it)",
                path.display()
            )
        })?;
        let hex = text.trim();
        let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
            .map(|i| {
                hex.get(2 * i..2 * i + 2)
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            })
            .collect();
        let bytes = bytes.filter(|_| hex.len().is_multiple_of(2));
        let bytes =
            bytes.ok_or_else(|| format!("{} does not hold hexadecimal digits", path.display()))?;
        Pepper::new(bytes).map_err(|len| {
            format!(
                "{} holds {len} bytes; a pepper has at least {}",
                path.display(),
                Pepper::LEN_MIN
            )
        })
    }

    pub(crate) fn open_quotas(&self, node: &NodeId) -> Result<Quotas, String> {
        Quotas::open(&self.node(node).join("quotas.redb")).map_err(|error| error.to_string())
    }

    pub(crate) fn open_keys(&self, node: &NodeId) -> Result<Embedded, String> {
        Embedded::open(&self.keys_path(node)).map_err(|error| error.to_string())
    }

    /// The number of the life that begins now: larger than all before, even if the disk forgot them
    /// or the clock went back.
    pub(crate) fn next_epoch(&self, node: &NodeId, now: Wall) -> Result<Epoch, String> {
        let path = self.node(node).join("epoch");
        let last: u64 = match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .map_err(|_| format!("{} does not hold a number", path.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        let next = now.unix_millis().max(last + 1);
        let fresh = path.with_extension("new");
        fs::write(&fresh, next.to_string())
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(Epoch(next))
    }
}

/// Makes a folder, with a sentence if that fails.
pub(crate) fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path)
        .map_err(|error| format!("the data folder {} cannot be made: {error}", path.display()))
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
