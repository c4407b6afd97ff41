//! Files: appended to, opened anew when asked, and put aside when they are large or old enough.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Lines, Outlet};

/// Told to reopen files, as whoever rotates them asks by a reload.
#[derive(Clone, Debug, Default)]
pub struct Reopen(Arc<AtomicU64>);

impl Reopen {
    /// Files are opened anew before the next line.
    pub fn now(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// When a file is put aside, and how many of them are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// When it is this large.
    pub size_max: Option<u64>,
    /// At the first request of each period of this length, counted from midnight UTC.
    pub each: Option<Duration>,
    /// So many are kept beside it: `log.1` is the youngest.
    pub keep: u32,
}

/// A file.
pub(super) struct FileOutlet {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
    size: u64,
    /// The latest period that a line of it is of, or its last change.
    period: u64,
    reopen: Reopen,
    seen: u64,
}

impl FileOutlet {
    pub(super) fn open(
        path: PathBuf,
        rotation: Option<Rotation>,
        reopen: Reopen,
    ) -> io::Result<Self> {
        let seen = reopen.0.load(Relaxed);
        let (file, size, changed_ms) = append_to(&path)?;
        // An empty file belongs to whatever comes first.
        let period = match size {
            0 => 0,
            _ => rotation.map_or(0, |rotation| rotation.period(changed_ms)),
        };
        Ok(Self {
            path,
            rotation,
            file,
            size,
            period,
            reopen,
            seen,
        })
    }

    /// Opens the file anew if that is due, before lines of a period.
    fn ready(&mut self, period: u64) -> io::Result<()> {
        let asked = self.reopen.0.load(Relaxed);
        if asked != self.seen {
            (self.file, self.size, _) = append_to(&self.path)?;
            self.seen = asked;
        }
        let due = self.rotation.filter(|rotation| {
            let full = rotation.size_max.is_some_and(|most| self.size >= most);
            full || (period > self.period && self.size > 0)
        });
        self.period = self.period.max(period);
        if let Some(Rotation { keep, .. }) = due {
            shift(&self.path, keep)?;
            (self.file, self.size, _) = append_to(&self.path)?;
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8], period: u64) -> io::Result<()> {
        self.ready(period)?;
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl Outlet for FileOutlet {
    fn write(&mut self, lines: &Lines) -> Result<(), String> {
        let mut written = Ok(());
        for (bytes, period) in by_period(lines, self.rotation, self.period) {
            written = written.and_then(|()| self.append(bytes, period));
        }
        written.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

impl Rotation {
    const fn period(&self, unix_ms: u64) -> u64 {
        match self.each {
            Some(each) if each.as_millis() > 0 => unix_ms / each.as_millis() as u64,
            _ => 0,
        }
    }
}

/// The lines, cut where a later period begins. Requests end in another order than they came: those
/// of an earlier period go where the others are.
fn by_period(lines: &Lines, rotation: Option<Rotation>, now: u64) -> Vec<(&[u8], u64)> {
    let all = lines.bytes();
    let Some(rotation) = rotation.filter(|rotation| rotation.each.is_some()) else {
        return vec![(all, now)];
    };
    let (mut parts, mut period) = (Vec::new(), now);
    let (mut begin, mut end) = (0, 0);
    for (line, at) in lines.each() {
        let of = rotation.period(at.unix_millis());
        if of > period {
            if end > begin {
                parts.push((&all[begin..end], period));
            }
            (begin, period) = (end, of);
        }
        end += line.len();
    }
    parts.push((&all[begin..end], period));
    parts
}

/// The file, its size, and when it was changed.
fn append_to(path: &Path) -> io::Result<(File, u64, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let about = file.metadata()?;
    let changed = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    let changed_ms = u64::try_from(changed.as_millis()).unwrap_or_default();
    Ok((file, about.len(), changed_ms))
}

/// Moves `log` to `log.1`, and before it `log.1` to `log.2`; the last goes.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for n in (1..keep).rev() {
        match std::fs::rename(numbered(n), numbered(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, numbered(1))
}
