//! One line for each request, to as many destinations as wanted.
//!
//! A core formats lines into a buffer of its own for each destination and hands full buffers to the
//! destination's thread. When that is too slow, down, or refuses, whole buffers are dropped and
//! their lines counted, and said once a minute: a log never makes a request wait. Credentials and
//! values of queries are not logged.
//!
//! Destinations can be swapped while requests come: each core brings what it has to the old ones
//! before it takes the new ones, and the old ones end when they have delivered that.

mod facts;
mod file;
mod format;
mod lines;
mod outlet;
mod told;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch;

pub use facts::{FIELDS, Omitted, RequestFacts};
pub use file::{Reopen, Rotation};
pub use format::LineFormat;
pub use lines::Lines;
pub use outlet::{Carrier, SyslogTo};
pub(crate) use told::Complaints;
pub use told::{DropReason, Told};

use crate::metrics::{LogMetrics, Metrics};
use file::FileOutlet;
use outlet::{Direct, Outlet, Stdout, Syslog};

/// A core hands its buffer over when it is this full.
const BUFFER_BYTES: usize = 32 * 1_024;

/// Where lines go.
pub enum Destination {
    /// Standard output.
    Stdout,
    /// The end of this file, which is made if it is not there.
    File(PathBuf, Option<Rotation>),
    /// A server of syslog; the text is this machine's name there.
    Syslog(SyslogTo, String),
    /// Somewhere that this crate does not know.
    Other(Box<dyn Carrier>),
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

/// A destination of what is to be written from now on.
pub enum Wanted {
    /// The one of this name that is there goes on.
    Same(String),
    /// A new one.
    New(Log),
}

/// The threads that write, and how to reach them.
#[derive(Clone, Debug)]
pub struct AccessLog {
    sinks: Arc<Sinks>,
    reopen: Reopen,
    /// Each thread that writes holds a receiver of it until it ends.
    threads: watch::Sender<()>,
}

/// Where lines go at the moment.
#[derive(Debug, Default)]
struct Sinks {
    /// Grows with each change, so that cores need no lock to see that there was none.
    change: AtomicU64,
    now: Mutex<Arc<[Arc<Sink>]>>,
}

#[derive(Debug)]
struct Sink {
    name: String,
    writer: Sender<Lines>,
    format: LineFormat,
    omitted: Omitted,
    sample: BTreeMap<String, f64>,
    metrics: Arc<LogMetrics>,
}

impl AccessLog {
    /// Opens all destinations and starts their threads.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub fn open(logs: Vec<Log>, metrics: &Metrics) -> io::Result<Self> {
        let log = Self {
            sinks: Arc::default(),
            reopen: Reopen::default(),
            threads: watch::Sender::default(),
        };
        log.swap(logs.into_iter().map(Wanted::New).collect(), metrics)?;
        Ok(log)
    }

    /// Changes where lines go. Old destinations end when they have what they were sent.
    ///
    /// # Errors
    /// If a file cannot be opened; everything is as it was then.
    pub fn swap(&self, wanted: Vec<Wanted>, metrics: &Metrics) -> io::Result<()> {
        let before = self.sinks.get();
        let mut sinks = Vec::new();
        for wanted in wanted {
            match wanted {
                Wanted::New(log) => sinks.push(Arc::new(self.start(log, metrics)?)),
                Wanted::Same(name) => {
                    sinks.extend(before.iter().find(|sink| sink.name == name).cloned());
                }
            }
        }
        self.sinks.set(sinks.into());
        Ok(())
    }

    /// Takes all destinations away, and waits until they have delivered what they were sent.
    /// Whoever calls it bounds it.
    pub async fn finish(&self) {
        self.sinks.set(Arc::default());
        self.threads.closed().await;
    }

    /// Asks for files to be opened anew, since they may have been moved aside.
    pub fn reopen(&self) {
        self.reopen.now();
    }

    /// A buffer for one core.
    #[must_use]
    pub fn buffer(&self, core: usize) -> LogBuffer {
        let change = self.sinks.change.load(Acquire);
        let sinks = self.sinks.get();
        LogBuffer {
            lines: sinks.iter().map(|_| Lines::default()).collect(),
            sinks,
            from: Arc::clone(&self.sinks),
            change,
            dice: core as u64,
        }
    }

    fn start(&self, log: Log, metrics: &Metrics) -> io::Result<Sink> {
        let carrier: Box<dyn Carrier> = match log.to {
            Destination::Stdout => direct(Stdout),
            Destination::File(path, rotation) => {
                direct(FileOutlet::open(path, rotation, self.reopen.clone())?)
            }
            Destination::Syslog(to, host) => direct(Syslog::new(to, host)),
            Destination::Other(carrier) => carrier,
        };
        let (writer, waiting) = channel((log.queue_max / BUFFER_BYTES).max(1));
        let metrics = metrics.log(&log.name);
        let told = Told::new(log.name.clone(), Arc::clone(&metrics));
        let runs = self.threads.subscribe();
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                carrier.run(waiting, told);
                drop(runs);
            })?;
        Ok(Sink {
            name: log.name,
            writer,
            format: log.format,
            omitted: log.omitted,
            sample: log.sample,
            metrics,
        })
    }
}

fn direct(outlet: impl Outlet + 'static) -> Box<dyn Carrier> {
    Box::new(Direct(outlet))
}

impl Sinks {
    fn get(&self) -> Arc<[Arc<Sink>]> {
        Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, sinks: Arc<[Arc<Sink>]>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = sinks;
        self.change.fetch_add(1, Release);
    }
}

/// One core's buffers.
#[derive(Debug)]
pub struct LogBuffer {
    sinks: Arc<[Arc<Sink>]>,
    lines: Vec<Lines>,
    from: Arc<Sinks>,
    /// The change that `sinks` are of, or an earlier one.
    change: u64,
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

    /// Hands over what there is, and turns to other destinations if they were changed. To be called
    /// now and then.
    pub fn flush(&mut self) {
        for at in 0..self.lines.len() {
            self.hand_over(at);
        }
        let change = self.from.change.load(Acquire);
        if change != self.change {
            self.change = change;
            self.sinks = self.from.get();
            self.lines = self.sinks.iter().map(|_| Lines::default()).collect();
        }
    }

    fn hand_over(&mut self, at: usize) {
        let lines = std::mem::take(&mut self.lines[at]);
        let count = lines.count() as u64;
        if count > 0 && self.sinks[at].writer.try_send(lines).is_err() {
            self.sinks[at]
                .metrics
                .dropped(DropReason::QueueFull)
                .add(count);
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
