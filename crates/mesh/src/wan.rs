//! Distance and cuts between regions, for worlds on one machine.
//!
//! A socket that holds back what goes to another region for as long as it would be under way, and
//! drops what goes to a region that is cut off. In user space, because kernels may lack the means;
//! below QUIC, so that everything above it sees real round trips. Production nodes do not use it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tidegate_model::RegionId;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Packets under way at most; beyond it they are dropped, as a full line would.
const UNDER_WAY_MAX: usize = 16_384;

/// What happens to packets on their way to a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// How long they are under way.
    pub one_way: Duration,
    /// Whether they never arrive.
    pub cut: bool,
}

/// The rules of this node, by region, and which addresses are in which region.
#[derive(Debug, Default)]
pub struct Links {
    regions: RwLock<HashMap<SocketAddr, RegionId>>,
    rules: RwLock<BTreeMap<RegionId, Rule>>,
}

impl Links {
    /// Changes what happens to packets on their way to a region.
    pub fn set(&self, region: RegionId, rule: Rule) {
        self.rules
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(region, rule);
    }

    /// The rules as they stand.
    #[must_use]
    pub fn rules(&self) -> BTreeMap<RegionId, Rule> {
        self.rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What happens to what goes to a region.
    #[must_use]
    pub fn to(&self, region: &RegionId) -> Rule {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.get(region).copied().unwrap_or_default()
    }

    /// Remembers in which region an address is.
    pub(crate) fn learn(&self, addr: SocketAddr, region: &RegionId) {
        let known = self
            .regions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&addr)
            == Some(region);
        if !known {
            self.regions
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(addr, region.clone());
        }
    }

    fn rule(&self, addr: SocketAddr) -> Rule {
        let regions = self.regions.read().unwrap_or_else(PoisonError::into_inner);
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        regions
            .get(&addr)
            .and_then(|region| rules.get(region))
            .copied()
            .unwrap_or_default()
    }
}

/// A socket with distance.
pub(crate) struct WanSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    links: Arc<Links>,
    under_way: mpsc::Sender<Packet>,
}

struct Packet {
    due: Instant,
    destination: SocketAddr,
    ecn: Option<quinn::udp::EcnCodepoint>,
    contents: Vec<u8>,
}

impl WanSocket {
    /// Puts distance in front of a socket. Call it within the runtime that drives the socket.
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, links: Arc<Links>) -> Arc<Self> {
        let (sender, receiver) = mpsc::channel(UNDER_WAY_MAX);
        tokio::spawn(deliver(Arc::clone(&inner), receiver));
        Arc::new(Self {
            inner,
            links,
            under_way: sender,
        })
    }
}

impl fmt::Debug for WanSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WanSocket").finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for WanSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let rule = self.links.rule(transmit.destination);
        if rule.cut {
            return Ok(());
        }
        if rule.one_way.is_zero() {
            return self.inner.try_send(transmit);
        }
        let packet = Packet {
            due: Instant::now() + rule.one_way,
            destination: transmit.destination,
            ecn: transmit.ecn,
            contents: transmit.contents.to_vec(),
        };
        // A full line drops.
        let _dropped = self.under_way.try_send(packet);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

/// Brings each packet to its destination when its time has come.
async fn deliver(socket: Arc<dyn AsyncUdpSocket>, mut packets: mpsc::Receiver<Packet>) {
    let mut under_way: BTreeMap<(Instant, u64), Packet> = BTreeMap::new();
    let mut sent = 0;
    loop {
        let due = under_way.first_key_value().map(|((due, _), _)| *due);
        let arrived = tokio::select! {
            packet = packets.recv() => match packet {
                Some(packet) => Some(packet),
                None => return,
            },
            () = async { tokio::time::sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => None,
        };
        if let Some(packet) = arrived {
            sent += 1;
            under_way.insert((packet.due, sent), packet);
        }
        let now = Instant::now();
        while let Some(entry) = under_way.first_entry().filter(|entry| entry.key().0 <= now) {
            let packet = entry.remove();
            let transmit = Transmit {
                destination: packet.destination,
                ecn: packet.ecn,
                contents: &packet.contents,
                segment_size: None,
                src_ip: None,
            };
            // A socket that has no room drops, as any router would.
            let _dropped = socket.try_send(&transmit);
        }
    }
}
