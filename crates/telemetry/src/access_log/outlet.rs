//! Where lines go that are written at once: standard output and syslog here, files in a module of
//! theirs. [`Carrier`] is for destinations that other crates know.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_model::Wall;

use tokio::sync::mpsc::Receiver;

use super::Lines;
use super::told::{DropReason, Told};

/// Brings lines to a destination.
pub trait Carrier: Send {
    /// Takes lines until nobody can send any more, and tells what became of each. It has the thread
    /// for itself and may be slow.
    fn run(self: Box<Self>, lines: Receiver<Lines>, told: Told);
}

/// Writes lines at once. What it refuses is dropped and counted.
pub(super) trait Outlet: Send {
    /// Writes lines; if that fails, none of them are tried again.
    fn write(&mut self, lines: &Lines) -> Result<(), String>;
}

/// An outlet that gets all lines.
pub(super) struct Direct<O>(pub(super) O);

impl<O: Outlet> Carrier for Direct<O> {
    fn run(mut self: Box<Self>, mut waiting: Receiver<Lines>, mut told: Told) {
        while let Some(lines) = waiting.blocking_recv() {
            let count = lines.count() as u64;
            match self.0.write(&lines) {
                Ok(()) => told.written(count),
                Err(error) => told.dropped(count, DropReason::Failed, &error),
            }
        }
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
