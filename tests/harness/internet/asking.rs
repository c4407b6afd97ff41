//! Clients that never stop asking, and what came of each request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Until a request is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Puts this thread into a network namespace; threads that it starts are there too.
fn enter(space: &str) {
    let file = std::fs::File::open(format!("/run/netns/{space}")).expect("the namespace is there");
    let fd = std::os::fd::AsFd::as_fd(&file);
    rustix::thread::move_into_link_name_space(fd, Some(rustix::thread::LinkNameSpaceType::Network))
        .expect("root may enter it");
}

/// A request and what came of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was begun.
    pub begun: Instant,
    /// Whether on a connection that was kept from the request before.
    pub kept: bool,
    /// Who answered, or what went wrong.
    pub outcome: Result<String, String>,
}

/// Clients that ask until they are stopped.
#[derive(Debug)]
pub struct Asking {
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

type Log = Arc<Mutex<Vec<Asked>>>;

impl Asking {
    /// Starts them in a network namespace.
    pub(super) fn start(space: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let threads = [Self::fresh, Self::kept].map(|how| {
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            let space = space.to_owned();
            std::thread::spawn(move || {
                enter(&space);
                how(&stop, &asked);
            })
        });
        Self {
            stop,
            asked,
            threads: threads.into(),
        }
    }

    /// A new connection for each request, a hundred a second.
    fn fresh(stop: &AtomicBool, asked: &Log) {
        let begun = Instant::now();
        let mut threads = Vec::new();
        for at in 0u32.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let due = begun + Duration::from_millis(10) * at;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let asked = Arc::clone(asked);
            threads.push(std::thread::spawn(move || {
                let begun = Instant::now();
                let outcome = connect().and_then(|mut stream| exchange(&mut stream, "close"));
                note(&asked, begun, false, outcome.map(|(by, _)| by));
            }));
        }
        for thread in threads {
            thread.join().expect("a request ends");
        }
    }

    /// One connection for as long as it lasts, fifty requests a second.
    fn kept(stop: &AtomicBool, asked: &Log) {
        let mut held = None;
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let kept = held.is_some();
            let stream = held.take().map_or_else(connect, Ok);
            let outcome = stream.and_then(|mut stream| {
                let (by, last) = exchange(&mut stream, "keep-alive")?;
                if !last {
                    held = Some(stream);
                }
                Ok(by)
            });
            note(asked, begun, kept, outcome);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the asking and returns everything that was asked.
    ///
    /// # Panics
    /// If a client panicked.
    #[must_use]
    pub fn end(self) -> Vec<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("clients end");
        }
        let mut asked = self
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        asked.sort_by_key(|asked| asked.begun);
        asked
    }
}

fn note(asked: &Log, begun: Instant, kept: bool, outcome: std::io::Result<String>) {
    let outcome = outcome.map_err(|error| error.to_string());
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    asked.push(Asked {
        begun,
        kept,
        outcome,
    });
}

fn connect() -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from(([203, 0, 113, 1], 80)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request. Who answered it, and whether the connection ends with it.
fn exchange(stream: &mut TcpStream, connection: &str) -> std::io::Result<(String, bool)> {
    let request = format!("GET /open/x HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(std::io::Error::other("closed without an answer"));
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..n]));
        // The answer is one line of JSON.
        if text.ends_with("}\n") {
            break;
        }
    }
    let by = text
        .split("\"served_by\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    match by {
        Some(by) if text.starts_with("HTTP/1.1 200") => Ok((
            by.to_owned(),
            text.to_lowercase().contains("connection: close"),
        )),
        _ => Err(std::io::Error::other(text)),
    }
}
