//! A file of lines in JSON that grows to a limit, and keeps one predecessor.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a file may grow: hours of requests. With its predecessor twice that is kept.
const BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// A file of lines that is written to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    max: u64,
}

impl Log {
    /// Opens it, at its end.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, BYTES_MAX)
    }

    fn open_with(path: &Path, max: u64) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            length: file.metadata()?.len(),
            path: path.to_owned(),
            file,
            max,
        })
    }

    /// Adds a line. A file that is full becomes the predecessor of a new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if self.length + text.len() as u64 > self.max && self.length > 0 {
            fs::rename(&self.path, before(&self.path))?;
            *self = Self::open_with(&self.path, self.max)?;
        }
        self.file.write_all(&text)?;
        self.length += text.len() as u64;
        Ok(())
    }
}

fn before(path: &Path) -> PathBuf {
    path.with_extension("jsonl.1")
}

/// All lines of a file and its predecessor. One that is not whole is left out: it is being written.
#[must_use]
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let text = read(&before(path)) + &read(path);
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open_with(&path, 100).unwrap();
        for number in 0..1_000_u32 {
            log.add(&number).unwrap();
        }
        let kept: Vec<u32> = read_lines(&path);
        assert_eq!(kept.last(), Some(&999));
        assert!((20..=50).contains(&kept.len()), "{}", kept.len());
        assert!(kept.is_sorted());
    }
}
