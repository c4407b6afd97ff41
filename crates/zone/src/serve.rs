//! Questions over UDP and TCP.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::RegionId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::budget::Grant;
use crate::{Budget, Counts, Outcome, Zone};

/// The longest question over UDP that is read; a question has no need for more.
const QUESTION_MAX: usize = 1_232;
/// Connections at a time; more are closed at once.
const CONNECTIONS_MAX: usize = 128;
/// Until a client has asked, over TCP.
const IDLE: Duration = Duration::from_secs(5);
/// Questions on one connection.
const QUESTIONS_MAX: usize = 64;

/// The zone cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("the zone cannot be served on {0}: {1}")]
pub struct ServeError(SocketAddr, io::Error);

/// A zone that is served: whoever holds this says which regions are announced. It ends when this is
/// dropped.
#[derive(Debug)]
pub struct Served {
    announced: watch::Sender<BTreeSet<RegionId>>,
    /// What became of questions.
    pub counts: Arc<Counts>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Served {
    /// From now on these regions are announced.
    pub fn set_announced(&self, regions: BTreeSet<RegionId>) {
        self.announced.send_if_modified(|known| {
            let news = *known != regions;
            *known = regions;
            news
        });
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Serves a zone at `addr`, over UDP and TCP. A network gets so many answers a second over UDP.
///
/// # Errors
/// The address cannot be had.
pub async fn serve(zone: Zone, addr: SocketAddr, per_second: u32) -> Result<Served, ServeError> {
    let refused = |error| ServeError(addr, error);
    let udp = UdpSocket::bind(addr).await.map_err(refused)?;
    let tcp = TcpListener::bind(addr).await.map_err(refused)?;
    let (announced, heard) = watch::channel(BTreeSet::new());
    let counts = Arc::new(Counts::default());
    let desk = Desk {
        zone: Arc::new(zone),
        heard,
        counts: Arc::clone(&counts),
    };
    let tasks = [
        tokio::spawn(over_udp(desk.clone(), udp, Budget::new(per_second))),
        tokio::spawn(over_tcp(desk, tcp)),
    ];
    Ok(Served {
        announced,
        counts,
        tasks,
    })
}

/// What answers are made of.
#[derive(Clone)]
struct Desk {
    zone: Arc<Zone>,
    heard: watch::Receiver<BTreeSet<RegionId>>,
    counts: Arc<Counts>,
}

impl Desk {
    fn answer(&self, question: &[u8], source: SocketAddr, udp: bool) -> Option<Vec<u8>> {
        let announced = self.heard.borrow();
        let reply = self.zone.answer(question, source.ip(), &announced, udp);
        let outcome = reply.as_ref().map_or(Outcome::Malformed, |r| r.outcome);
        self.counts.add(outcome);
        Some(reply?.bytes)
    }
}

async fn over_udp(desk: Desk, socket: UdpSocket, mut budget: Budget) {
    let started = Instant::now();
    let mut question = [0; QUESTION_MAX];
    loop {
        let Ok((len, source)) = socket.recv_from(&mut question).await else {
            // An error of somebody who was answered before (ICMP): none of ours.
            tokio::task::yield_now().await;
            continue;
        };
        let question = &question[..len];
        let answer = match budget.take(source.ip(), started.elapsed()) {
            Grant::Answer => desk.answer(question, source, true),
            grant => {
                desk.counts.add(Outcome::Limited);
                (grant == Grant::Slip)
                    .then(|| Zone::slip(question))
                    .flatten()
            }
        };
        if let Some(answer) = answer {
            // Should the buffer be full, the client asks again.
            let _lost = socket.try_send_to(&answer, source);
        }
    }
}

async fn over_tcp(desk: Desk, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, source)) = listener.accept().await else {
            // No descriptor is free: a moment later one may be.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            desk.counts.add(Outcome::Crowded);
            continue;
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            // A client that hangs up owes no explanation.
            let _ended = connection(&desk, stream, source).await;
            drop(place);
        });
    }
}

async fn connection(desk: &Desk, mut stream: TcpStream, source: SocketAddr) -> io::Result<()> {
    for _ in 0..QUESTIONS_MAX {
        let asking = async {
            let len = usize::from(stream.read_u16().await?);
            if len > QUESTION_MAX {
                return Err(io::Error::other("too long for a question"));
            }
            let mut question = vec![0; len];
            stream.read_exact(&mut question).await?;
            Ok(question)
        };
        let question = tokio::time::timeout(IDLE, asking).await??;
        let Some(answer) = desk.answer(&question, source, false) else {
            return Ok(());
        };
        let len = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let mut framed = len.to_be_bytes().to_vec();
        framed.extend_from_slice(&answer);
        tokio::time::timeout(IDLE, stream.write_all(&framed)).await??;
    }
    Ok(())
}
