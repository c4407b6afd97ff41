//! Files that an issuer's definition names, relative to the data folder.

use std::path::{Path, PathBuf};

use tidegate_identity::JwtSpec;

use crate::connect::trust;
use crate::keyset::KeySet;

/// A file that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnusableFile {
    /// As the operator wrote it.
    pub path: PathBuf,
    /// Why not, with the whole path.
    pub why: String,
}

/// What an issuer's files hold, to see whether they have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Files {
    pub(crate) keys: Option<Vec<u8>>,
    pub(crate) ca: Option<Vec<u8>>,
}

impl Files {
    pub(crate) fn read(spec: &JwtSpec, folder: &Path) -> Result<Self, String> {
        let read = |path: &Option<PathBuf>| path.as_ref().map(|path| read(&folder.join(path)));
        Ok(Self {
            keys: read(&spec.keys.file).transpose()?,
            ca: read(&spec.keys.ca_file).transpose()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// Which files of an issuer's definition cannot be used.
#[must_use]
pub fn unusable_files(spec: &JwtSpec, folder: &Path) -> Vec<UnusableFile> {
    let keys = spec.keys.file.iter().map(|file| (file, true));
    let ca = spec.keys.ca_file.iter().map(|file| (file, false));
    let tried = keys.chain(ca).filter_map(|(file, holds_keys)| {
        let path = folder.join(file);
        let used = read(&path).and_then(|text| match holds_keys {
            true => KeySet::parse(&text, spec.keys.keys_max, true)
                .map(|_| ())
                .map_err(|why| format!("{} cannot be used: {why}", path.display())),
            false => trust(Some(&path)).map(|_| ()),
        });
        let why = used.err()?;
        let path = file.clone();
        Some(UnusableFile { path, why })
    });
    tried.collect()
}
