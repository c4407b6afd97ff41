//! One line of JSON for each request.
//!
//! A core formats lines into a buffer of its own and hands full buffers to a thread that writes
//! them. When that thread is too slow, whole buffers are dropped and their lines counted: a log
//! never makes a request wait. Queries, keys and other headers are not logged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidegate_model::Wall;

use crate::metrics::Metrics;

/// A core hands its buffer over when it is this full.
const BUFFER_BYTES: usize = 32 * 1_024;
/// Buffers that wait to be written.
const BUFFERS_WAITING: usize = 128;

/// Where the log goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// The end of this file, which is made if it is not there.
    File(PathBuf),
    /// Nowhere.
    None,
}

/// The thread that writes, and how to reach it.
#[derive(Clone, Debug)]
pub struct AccessLog {
    writer: Option<SyncSender<Lines>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Lines {
    bytes: Vec<u8>,
    count: u64,
}

impl AccessLog {
    /// Opens the destination and starts the thread.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(destination: &Destination, metrics: Arc<Metrics>) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match destination {
            Destination::None => {
                return Ok(Self {
                    writer: None,
                    metrics,
                });
            }
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File(path) => Box::new(append_to(path)?),
        };
        let (sender, receiver) = sync_channel(BUFFERS_WAITING);
        let counts = Arc::clone(&metrics);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&receiver, out, &counts))?;
        Ok(Self {
            writer: Some(sender),
            metrics,
        })
    }

    /// A buffer for one core.
    #[must_use]
    pub fn buffer(&self) -> LogBuffer {
        LogBuffer {
            log: self.clone(),
            lines: Lines {
                bytes: Vec::new(),
                count: 0,
            },
        }
    }
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn write_all(lines: &Receiver<Lines>, mut out: Box<dyn Write + Send>, metrics: &Metrics) {
    while let Ok(Lines { bytes, count }) = lines.recv() {
        match out.write_all(&bytes).and_then(|()| out.flush()) {
            Ok(()) => metrics.log.written.add(count),
            Err(_) => metrics.log.dropped.add(count),
        }
    }
}

/// One core's buffer.
#[derive(Debug)]
pub struct LogBuffer {
    log: AccessLog,
    lines: Lines,
}

impl LogBuffer {
    /// Adds a line.
    pub fn write(&mut self, facts: &RequestFacts<'_>) {
        if self.log.writer.is_none() {
            return;
        }
        if self.lines.bytes.capacity() == 0 {
            self.lines.bytes.reserve(BUFFER_BYTES + 1_024);
        }
        facts.format(&mut self.lines.bytes);
        self.lines.count += 1;
        if self.lines.bytes.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Hands over what there is.
    pub fn flush(&mut self) {
        if self.lines.count == 0 {
            return;
        }
        let lines = std::mem::replace(
            &mut self.lines,
            Lines {
                bytes: Vec::new(),
                count: 0,
            },
        );
        let count = lines.count;
        if let Some(writer) = &self.log.writer
            && writer.try_send(lines).is_err()
        {
            self.log.metrics.log.dropped.add(count);
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What is logged of a request. Empty texts and absent numbers are left out.
#[derive(Clone, Debug)]
pub struct RequestFacts<'r> {
    /// When its head was complete.
    pub at: Wall,
    /// Its name.
    pub id: &'r str,
    /// The door it came in by.
    pub door: &'r str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// The method.
    pub method: &'r str,
    /// The host that the client named.
    pub host: &'r str,
    /// The path, without its query.
    pub path: &'r str,
    /// The status that the client was sent; 499 if it did not wait for one.
    pub status: u16,
    /// Why the gateway refused it.
    pub refusal: &'static str,
    /// The first limit in shadow mode that would have refused it.
    pub shadow: &'r str,
    /// What limits went by because a region could not be heard: `share`, `open` or `closed`.
    pub partition: &'static str,
    /// What limits in Redis went by because Redis did not answer; empty if it did.
    pub unstored: &'static str,
    /// How long it waited for room in its limits.
    pub waited: Duration,
    /// What broke the answer off before its end.
    pub ended: &'static str,
    /// The route.
    pub route: &'r str,
    /// Who holds the key.
    pub consumer: &'r str,
    /// The key's public part, or a token's method and subject.
    pub key: &'r str,
    /// The method that the caller is known by.
    pub auth: &'r str,
    /// The service's endpoint that answered, or was tried last.
    pub endpoint: &'r str,
    /// The region that it was passed on to, or came from.
    pub relay: &'r str,
    /// Endpoints tried.
    pub attempts: u32,
    /// Bytes of the body received.
    pub bytes_in: u64,
    /// Bytes of the body sent.
    pub bytes_out: u64,
    /// From the end of its head to the end of its answer.
    pub took: Duration,
    /// Until the service's first byte.
    pub upstream: Option<Duration>,
}

impl RequestFacts<'_> {
    fn format(&self, out: &mut Vec<u8>) {
        use std::fmt::Write as _;
        let mut line = Line(out);
        // Writing to a Vec does not fail.
        let _ok = write!(
            line,
            "{{\"time\":\"{}\",\"status\":{}",
            self.at, self.status
        );
        line.text("id", self.id);
        line.text("method", self.method);
        line.text("host", self.host);
        line.text("path", self.path);
        line.text("protocol", self.protocol);
        if let Some(client) = self.client {
            let _ok = write!(line, ",\"client\":\"{client}\"");
        }
        line.text("door", self.door);
        line.text("route", self.route);
        line.text("refusal", self.refusal);
        line.text("shadow", self.shadow);
        line.text("partition", self.partition);
        line.text("unstored", self.unstored);
        line.text("ended", self.ended);
        line.text("consumer", self.consumer);
        line.text("key", self.key);
        line.text("auth", self.auth);
        line.text("endpoint", self.endpoint);
        line.text("relay", self.relay);
        if self.attempts > 0 {
            let _ok = write!(line, ",\"attempts\":{}", self.attempts);
        }
        let _ok = write!(
            line,
            ",\"bytes_in\":{},\"bytes_out\":{},\"took_us\":{}",
            self.bytes_in,
            self.bytes_out,
            self.took.as_micros()
        );
        if !self.waited.is_zero() {
            let _ok = write!(line, ",\"waited_us\":{}", self.waited.as_micros());
        }
        if let Some(upstream) = self.upstream {
            let _ok = write!(line, ",\"upstream_us\":{}", upstream.as_micros());
        }
        out.extend_from_slice(b"}\n");
    }
}

struct Line<'b>(&'b mut Vec<u8>);

impl std::fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Line<'_> {
    /// A member with a text, escaped as RFC 8259 section 7 wants; nothing if the text is empty.
    fn text(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":\"");
        let mut rest = value.as_bytes();
        while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
            self.0.extend_from_slice(&rest[..at]);
            match rest[at] {
                byte @ (b'"' | b'\\') => self.0.extend_from_slice(&[b'\\', byte]),
                byte => self
                    .0
                    .extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            }
            rest = &rest[at + 1..];
        }
        self.0.extend_from_slice(rest);
        self.0.push(b'"');
    }
}

const fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> RequestFacts<'static> {
        RequestFacts {
            at: Wall::from_unix_secs(1_795_357_987),
            id: "r1",
            door: "public",
            client: Some(IpAddr::from([203, 0, 113, 5])),
            protocol: "HTTP/1.1",
            method: "GET",
            host: "h",
            path: "/a\"b\\c\n\u{7f}ü",
            status: 200,
            refusal: "",
            shadow: "",
            partition: "",
            unstored: "",
            waited: Duration::ZERO,
            ended: "",
            route: "orders",
            consumer: "acme",
            key: "",
            auth: "",
            endpoint: "",
            relay: "",
            attempts: 1,
            bytes_in: 0,
            bytes_out: 12,
            took: Duration::from_micros(345),
            upstream: None,
        }
    }

    #[test]
    fn a_line_is_json_whatever_the_path() {
        let mut out = Vec::new();
        facts().format(&mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["path"], "/a\"b\\c\n\u{7f}ü");
        assert_eq!(value["time"], "2026-11-22T14:33:07.000Z");
        assert_eq!(value["took_us"], 345);
        assert!(value.get("refusal").is_none(), "what is empty is left out");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for the writer's thread; there is no task to block"
    )]
    fn lines_reach_the_file_and_are_counted() {
        let folder = std::env::temp_dir().join(format!("tidegate-log-{}", std::process::id()));
        let metrics = Arc::new(Metrics::new(1, &["other"]));
        let log =
            AccessLog::open(&Destination::File(folder.clone()), Arc::clone(&metrics)).unwrap();
        let mut buffer = log.buffer();
        for _ in 0..500 {
            buffer.write(&facts());
        }
        drop(buffer);
        drop(log);
        let deadline = 500;
        for _ in 0..deadline {
            if metrics.log.written.get() == 500 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let text = std::fs::read_to_string(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!((text.lines().count(), metrics.log.dropped.get()), (500, 0));
    }
}
