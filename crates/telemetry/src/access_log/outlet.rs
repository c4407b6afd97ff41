//! Where lines go that are written by this crate: standard output, files, syslog.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tidegate_model::Wall;

use super::Lines;

/// Takes lines, in a thread of its own. It may be slow; what it refuses is dropped and counted.
pub trait Outlet: Send {
    /// Writes lines.
    ///
    /// # Errors
    /// A sentence; none of these lines are tried again.
    fn write(&mut self, lines: &Lines) -> Result<(), String>;
}

/// Told to reopen files, as whoever rotates them asks by a reload.
#[derive(Clone, Debug, Default)]
pub struct Reopen(Arc<AtomicU64>);

impl Reopen {
    /// Files are opened anew before the next line.
    pub fn now(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Standard output.
pub(super) struct Stdout;

impl Outlet for Stdout {
    fn write(&mut self, lines: &Lines) -> Result<(), String> {
        let mut out = io::stdout();
        let written = out.write_all(lines.bytes()).and_then(|()| out.flush());
        written.map_err(|error| error.to_string())
    }
}

/// When a file is full, and how many of them are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// It is put aside when it is this large.
    pub size_max: u64,
    /// So many are kept beside it: `log.1` is the youngest.
    pub keep: u32,
}

/// A file.
pub(super) struct FileOutlet {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
    size: u64,
    reopen: Reopen,
    seen: u64,
}

impl FileOutlet {
    pub(super) fn open(
        path: PathBuf,
        rotation: Option<Rotation>,
        reopen: Reopen,
    ) -> io::Result<Self> {
        let (file, size) = append_to(&path)?;
        let seen = reopen.0.load(Relaxed);
        Ok(Self {
            path,
            rotation,
            file,
            size,
            reopen,
            seen,
        })
    }

    fn ready(&mut self) -> io::Result<()> {
        let asked = self.reopen.0.load(Relaxed);
        let full = self
            .rotation
            .filter(|rotation| self.size >= rotation.size_max);
        if let Some(Rotation { keep, .. }) = full {
            shift(&self.path, keep)?;
        }
        if full.is_some() || asked != self.seen {
            (self.file, self.size) = append_to(&self.path)?;
            self.seen = asked;
        }
        Ok(())
    }
}

impl Outlet for FileOutlet {
    fn write(&mut self, lines: &Lines) -> Result<(), String> {
        let written = self
            .ready()
            .and_then(|()| self.file.write_all(lines.bytes()));
        self.size += lines.bytes().len() as u64;
        written.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
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

/// How syslog is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SyslogTo {
    /// A datagram each line (RFC 5426).
    Udp(SocketAddr),
    /// A stream, each line with its length before it (RFC 6587 section 3.4.1).
    Tcp(SocketAddr),
    /// A datagram each line, to a socket of this machine, as `/dev/log`.
    Unix(PathBuf),
}

/// A server of syslog, in the words of RFC 5424.
pub(super) struct Syslog {
    to: SyslogTo,
    host: String,
    open: Option<Connection>,
    message: Vec<u8>,
}

enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

/// Facility local0, severity informational: 16 * 8 + 6.
const PRIORITY: u32 = 134;
/// Whoever takes no bytes for so long is down.
const STALLED: Duration = Duration::from_secs(2);

impl Syslog {
    pub(super) const fn new(to: SyslogTo, host: String) -> Self {
        Self {
            to,
            host,
            open: None,
            message: Vec::new(),
        }
    }

    fn send(&mut self, lines: &Lines) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => connect(&self.to)?,
        };
        let begin = self.message.len();
        debug_assert_eq!(begin, 0);
        for (line, at) in lines.each() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            self.message.clear();
            header(&mut self.message, at, &self.host);
            self.message.extend_from_slice(line);
            open.send(&self.message)?;
        }
        self.message.clear();
        self.open = Some(open);
        Ok(())
    }
}

impl Outlet for Syslog {
    fn write(&mut self, lines: &Lines) -> Result<(), String> {
        let sent = self.send(lines);
        self.message.clear();
        sent.map_err(|error| format!("syslog: {error}"))
    }
}

/// RFC 5424 section 6: version 1, no process id, no structured data.
fn header(out: &mut Vec<u8>, at: Wall, host: &str) {
    // Writing to a Vec does not fail.
    let _ok = write!(out, "<{PRIORITY}>1 {at} {host} tidegate - access - ");
}

fn connect(to: &SyslogTo) -> io::Result<Connection> {
    Ok(match to {
        SyslogTo::Udp(addr) => {
            let local: SocketAddr = match addr {
                SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
                SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
            };
            let socket = UdpSocket::bind(local)?;
            socket.connect(addr)?;
            Connection::Udp(socket)
        }
        SyslogTo::Tcp(addr) => {
            let stream = TcpStream::connect_timeout(addr, STALLED)?;
            stream.set_write_timeout(Some(STALLED))?;
            Connection::Tcp(stream)
        }
        SyslogTo::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(STALLED))?;
            Connection::Unix(socket)
        }
    })
}

impl Connection {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message).map(drop),
            Self::Unix(socket) => socket.send(message).map(drop),
            Self::Tcp(stream) => {
                let framed = [format!("{} ", message.len()).as_bytes(), message].concat();
                stream.write_all(&framed)
            }
        }
    }
}
