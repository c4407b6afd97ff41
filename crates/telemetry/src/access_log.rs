//! One line for each request, to as many destinations as wanted.
//!
//! A core formats lines into a buffer of its own for each destination and hands full buffers to the
//! destination's thread. When that is too slow, down, or refuses, whole buffers are dropped and
//! their lines counted, and said once a minute: a log never makes a request wait. Credentials and
//! values of queries are not logged.

mod facts;
mod format;
mod outlet;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tidegate_model::Wall;

pub use facts::{FIELDS, Omitted, RequestFacts};
pub use format::LineFormat;
pub use outlet::{Outlet, Reopen, Rotation, SyslogTo};

use crate::metrics::{LogMetrics, Metrics};
use outlet::{FileOutlet, Stdout, Syslog};

/// A core hands its buffer over when it is this full.
const BUFFER_BYTES: usize = 32 * 1_024;
/// Between two lines of the node's own log about a destination that does not take lines.
const COMPLAINS_EACH: Duration = Duration::from_secs(60);

/// Where lines go.
pub enum Destination {
    /// Standard output.
    Stdout,
    /// The end of this file, which is made if it is not there.
    File(PathBuf, Option<Rotation>),
    /// A server of syslog; the text is this machine's name there.
    Syslog(SyslogTo, String),
    /// Somewhere that this crate does not know.
    Other(Box<dyn Outlet>),
}

/// A log.
pub struct Log {
    /// Its name, for metrics.
    pub name: String,
    /// Where lines go.
    pub to: Destination,
    /// How they look.
    pub format: LineFormat,
    /// What is left out of them.
    pub omitted: Omitted,
    /// Of the routes named, only this part of what went well is logged.
    pub sample: BTreeMap<String, f64>,
    /// Bytes that may wait to be written.
    pub queue_max: usize,
}

impl Log {
    /// A log of all requests, in JSON, four megabytes of which may wait.
    #[must_use]
    pub const fn new(name: String, to: Destination) -> Self {
        Self {
            name,
            to,
            format: LineFormat::Json,
            omitted: Omitted::NONE,
            sample: BTreeMap::new(),
            queue_max: 4 * 1_024 * 1_024,
        }
    }
}

/// The threads that write, and how to reach them.
#[derive(Clone, Debug)]
pub struct AccessLog {
    sinks: Arc<[Sink]>,
    reopen: Reopen,
}

#[derive(Debug)]
struct Sink {
    writer: SyncSender<Lines>,
    format: LineFormat,
    omitted: Omitted,
    sample: BTreeMap<String, f64>,
    metrics: Arc<LogMetrics>,
}

/// Lines on their way to a destination.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends, and when its request came.
    ends: Vec<(u32, Wall)>,
}

impl Lines {
    /// All of them, each with its end.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.ends.len()
    }

    /// Each line, and when its request came.
    pub fn each(&self) -> impl Iterator<Item = (&[u8], Wall)> {
        let mut begin = 0;
        self.ends.iter().map(move |(end, at)| {
            let line = &self.bytes[begin..*end as usize];
            begin = *end as usize;
            (line, *at)
        })
    }
}

impl AccessLog {
    /// Opens all destinations and starts their threads.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub fn open(logs: Vec<Log>, metrics: &Metrics) -> io::Result<Self> {
        let reopen = Reopen::default();
        let sinks = logs
            .into_iter()
            .map(|log| Sink::open(log, &reopen, metrics))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            sinks: sinks.into(),
            reopen,
        })
    }

    /// Asks for files to be opened anew, since they may have been moved aside.
    pub fn reopen(&self) {
        self.reopen.now();
    }

    /// A buffer for one core.
    #[must_use]
    pub fn buffer(&self, core: usize) -> LogBuffer {
        LogBuffer {
            lines: self.sinks.iter().map(|_| Lines::default()).collect(),
            sinks: Arc::clone(&self.sinks),
            dice: core as u64,
        }
    }
}

impl Sink {
    fn open(log: Log, reopen: &Reopen, metrics: &Metrics) -> io::Result<Self> {
        let mut outlet: Box<dyn Outlet> = match log.to {
            Destination::Stdout => Box::new(Stdout),
            Destination::File(path, rotation) => {
                Box::new(FileOutlet::open(path, rotation, reopen.clone())?)
            }
            Destination::Syslog(to, host) => Box::new(Syslog::new(to, host)),
            Destination::Other(outlet) => outlet,
        };
        let (writer, waiting) = sync_channel((log.queue_max / BUFFER_BYTES).max(1));
        let counts = metrics.log(&log.name);
        let (name, metrics) = (log.name, Arc::clone(&counts));
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&name, &waiting, &mut *outlet, &counts))?;
        Ok(Self {
            writer,
            format: log.format,
            omitted: log.omitted,
            sample: log.sample,
            metrics,
        })
    }
}

/// Writes until nobody can send lines any more.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread without a runtime: its time is nobody's argument"
)]
fn write_all(name: &str, waiting: &Receiver<Lines>, outlet: &mut dyn Outlet, metrics: &LogMetrics) {
    let mut complained: Option<std::time::Instant> = None;
    while let Ok(lines) = waiting.recv() {
        let count = lines.count() as u64;
        let Err(error) = outlet.write(&lines) else {
            metrics.written.add(count);
            continue;
        };
        metrics.failed.add(count);
        let silent = complained.is_some_and(|at| at.elapsed() < COMPLAINS_EACH);
        if !silent {
            complained = Some(std::time::Instant::now());
            tracing::warn!(
                log = name,
                error,
                "A destination of the access log takes no lines: they are dropped and counted."
            );
        }
    }
}

/// One core's buffers.
#[derive(Debug)]
pub struct LogBuffer {
    sinks: Arc<[Sink]>,
    lines: Vec<Lines>,
    dice: u64,
}

impl LogBuffer {
    /// Adds a request to each log that wants it.
    pub fn write(&mut self, facts: &RequestFacts<'_>) {
        for at in 0..self.sinks.len() {
            if !self.wanted(at, facts) {
                continue;
            }
            let (sink, lines) = (&self.sinks[at], &mut self.lines[at]);
            if lines.bytes.capacity() == 0 {
                lines.bytes.reserve(BUFFER_BYTES + 1_024);
            }
            sink.format.write(facts, sink.omitted, &mut lines.bytes);
            lines.ends.push((lines.bytes.len() as u32, facts.at));
            if lines.bytes.len() >= BUFFER_BYTES {
                self.hand_over(at);
            }
        }
    }

    /// Whether a log keeps this request: errors always, of the rest its part.
    fn wanted(&mut self, at: usize, facts: &RequestFacts<'_>) -> bool {
        let sample = &self.sinks[at].sample;
        let Some(part) = sample.get(facts.route).copied() else {
            return true;
        };
        if facts.is_error() {
            return true;
        }
        // A step of SplitMix64: nothing depends on it but which lines there are.
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut dice = self.dice;
        dice = (dice ^ dice >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        dice = (dice ^ dice >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let kept = ((dice ^ dice >> 31) >> 11) as f64 / (1_u64 << 53) as f64 <= part;
        if !kept {
            self.sinks[at].metrics.sampled_out.add(1);
        }
        kept
    }

    /// Hands over what there is.
    pub fn flush(&mut self) {
        for at in 0..self.lines.len() {
            self.hand_over(at);
        }
    }

    fn hand_over(&mut self, at: usize) {
        let lines = std::mem::take(&mut self.lines[at]);
        let count = lines.count() as u64;
        if count > 0 && self.sinks[at].writer.try_send(lines).is_err() {
            self.sinks[at].metrics.queue_full.add(count);
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests;
