//! One SWIM pool: a thin coat around foca, with what foca leaves to its user.
//!
//! Added here: timers in order of their deadline and owned by this instance; announcing to seeds
//! for ever with back-off (one lost announcement must not leave a node alone); transmissions sized
//! to the pool as it grows; and stretching suspicion while this node itself runs late, since a node
//! that is starved of CPU sees everyone else as dead.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use bytes::Bytes;
use foca::{
    AccumulatingRuntime, Config, Foca, NoCustomBroadcast, OwnedNotification, PeriodicParams,
    PostcardCodec,
};
use rand::RngExt;
use tidegate_model::{Mono, NodeId, Rng, Seed as RandomSeed};

use crate::codec::DATAGRAM_MAX;
use crate::{Member, Seed};

/// Which pool, with timings found by simulation (crates/sim, `membership`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pool {
    /// The nodes of one region: a node's death is known everywhere in about two seconds.
    Region,
    /// The border nodes of all regions: in about four and a half, at round trips of up to 250 ms.
    World,
}

/// What happened in a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Up(NodeId),
    Down(NodeId),
    /// A member has begun another life, perhaps elsewhere, without having been down.
    Renewed,
    Rejoined,
}

/// A pool's room for header and envelope within a datagram.
const PACKET_MAX: usize = DATAGRAM_MAX - 16;
/// While all seeds are members it is looked so often whether that is still so.
const LOOK_FOR_SEEDS: Duration = Duration::from_millis(500);
/// A wake-up that comes so late says that this node is starved.
const LATE: Duration = Duration::from_millis(100);
/// The most that delays are stretched, as a factor above one.
const STRETCH_MAX: u32 = 8;

pub(crate) struct Membership {
    pool: Pool,
    foca: Foca<Member, PostcardCodec, Rng, NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Member>,
    timers: BTreeMap<(Mono, u64), foca::Timer<Member>>,
    timers_made: u64,
    seeds: Vec<Seed>,
    rng: Rng,
    announce_at: Mono,
    announce_pause: Duration,
    sized_for: usize,
    /// How starved this node is: delays are stretched by one plus this.
    starved: u32,
    changes: VecDeque<Change>,
    packets: VecDeque<(Member, Bytes)>,
    rejected: u64,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership")
            .field("pool", &self.pool)
            .field("members", &self.foca.num_members())
            .finish()
    }
}

impl Membership {
    pub(crate) fn new(
        pool: Pool,
        me: Member,
        seeds: Vec<Seed>,
        random: RandomSeed,
        now: Mono,
    ) -> Self {
        let config = pool.config(1);
        Self {
            pool,
            foca: Foca::new(me, config, random.child("foca").rng(), PostcardCodec),
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            timers_made: 0,
            seeds,
            rng: random.child("announce").rng(),
            announce_at: now,
            announce_pause: Duration::from_millis(100),
            sized_for: 1,
            starved: 0,
            changes: VecDeque::new(),
            packets: VecDeque::new(),
            rejected: 0,
        }
    }

    pub(crate) fn set_seeds(&mut self, seeds: Vec<Seed>) {
        self.seeds = seeds;
    }

    /// Members taken for alive, oneself not among them.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (&NodeId, SocketAddr)> {
        self.foca
            .iter_members()
            .map(|member| (&member.id().node, member.id().addr))
    }

    /// Packets that were refused: malformed, or from ourselves.
    pub(crate) const fn rejected(&self) -> u64 {
        self.rejected
    }

    pub(crate) fn receive(&mut self, packet: &[u8], now: Mono) {
        // A packet for an earlier identity of ours, or a malformed one, is an error to foca; its
        // state is unchanged.
        if self.foca.handle_data(packet, &mut self.runtime).is_err() {
            self.rejected += 1;
        }
        self.settle(now);
    }

    /// Tells the pool that this node is leaving, so that nobody waits to suspect it.
    pub(crate) fn leave(&mut self, now: Mono) {
        // An error means that there is nobody to tell.
        if self.foca.leave_cluster(&mut self.runtime).is_ok() {
            self.settle(now);
        }
    }

    pub(crate) fn wake(&mut self, now: Mono) {
        while let Some(entry) = self.timers.first_entry() {
            let (due, _) = *entry.key();
            if due > now {
                break;
            }
            let timer = entry.remove();
            let late = now.since(due) > LATE;
            self.starved = if late {
                (self.starved + 1).min(STRETCH_MAX)
            } else {
                self.starved.saturating_sub(1)
            };
            // Errors here say that a probe cycle was cut short by lateness; foca starts the next
            // one by itself.
            if self.foca.handle_timer(timer, &mut self.runtime).is_err() {
                self.rejected += 1;
            }
            self.settle(now);
        }
        if now >= self.announce_at {
            self.announce(now);
        }
    }

    pub(crate) fn next_wake(&self) -> Mono {
        let timer = self.timers.first_key_value().map(|((due, _), _)| *due);
        timer.map_or(self.announce_at, |due| due.min(self.announce_at))
    }

    pub(crate) fn poll_packet(&mut self) -> Option<(Member, Bytes)> {
        self.packets.pop_front()
    }

    pub(crate) fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Asks a seed that is not a member to let us in. Pools that started apart find each other this
    /// way, too.
    fn announce(&mut self, now: Mono) {
        let me = self.foca.identity().node.clone();
        let missing: Vec<&Seed> = self
            .seeds
            .iter()
            .filter(|seed| {
                seed.node != me && !self.foca.iter_members().any(|m| m.id().node == seed.node)
            })
            .collect();
        if missing.is_empty() {
            self.announce_pause = Duration::from_millis(100);
            self.announce_at = now + LOOK_FOR_SEEDS;
            return;
        }
        let seed = missing[self.rng.random_range(0..missing.len())].as_member();
        // The only error is one of encoding, and a member always encodes.
        if self.foca.announce(seed, &mut self.runtime).is_err() {
            self.rejected += 1;
        }
        let alone = self.foca.num_members() == 0;
        let pause_max = Duration::from_secs(if alone { 1 } else { 10 });
        self.announce_pause = (self.announce_pause * 2).min(pause_max);
        let jitter = self.rng.random_range(0.75..1.25);
        self.announce_at = now + self.announce_pause.mul_f64(jitter);
        self.settle(now);
    }

    /// Takes over what foca wants done.
    fn settle(&mut self, now: Mono) {
        while let Some(packet) = self.runtime.to_send() {
            self.packets.push_back(packet);
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            let stretched = after.saturating_mul(1 + self.starved);
            self.timers_made += 1;
            self.timers
                .insert((now + stretched, self.timers_made), timer);
        }
        while let Some(notification) = self.runtime.to_notify() {
            match notification {
                OwnedNotification::MemberUp(member) => {
                    self.changes.push_back(Change::Up(member.node));
                }
                OwnedNotification::MemberDown(member) => {
                    self.changes.push_back(Change::Down(member.node));
                }
                OwnedNotification::Rejoin(_) => self.changes.push_back(Change::Rejoined),
                OwnedNotification::Rename(..) => self.changes.push_back(Change::Renewed),
                OwnedNotification::Active
                | OwnedNotification::Idle
                | OwnedNotification::Defunct => {}
            }
        }
        let size = self.foca.num_members() + 1;
        if size != self.sized_for && self.foca.set_config(self.pool.config(size)).is_ok() {
            self.sized_for = size;
        }
    }
}

impl Pool {
    /// foca's own profiles send too few updates and ask too few witnesses: under loss, those cost
    /// more than time does.
    fn config(self, size: usize) -> Config {
        let ms = Duration::from_millis;
        let (period, rtt, suspect, indirect, gossip, announce) = match self {
            Self::Region => (ms(200), ms(60), ms(1_500), 6, (ms(200), 3), ms(5_000)),
            Self::World => (ms(1_000), ms(350), ms(2_000), 5, (ms(500), 4), ms(10_000)),
        };
        let some = |n: usize| NonZeroUsize::new(n).expect("a positive constant");
        let every = |frequency, members| {
            Some(PeriodicParams {
                frequency,
                num_members: some(members),
            })
        };
        // Twice what reaches everyone with high probability, and never below eight.
        let transmissions = (2.0 * libm::log2(size as f64 + 1.0))
            .ceil()
            .clamp(8.0, 40.0) as u8;
        Config {
            probe_period: period,
            probe_rtt: rtt,
            num_indirect_probes: some(indirect),
            max_transmissions: NonZeroU8::new(transmissions).expect("at least eight"),
            suspect_to_down_after: suspect,
            // The dead are remembered: a short memory lets old news bring ghosts back.
            remove_down_after: Some(Duration::from_secs(48 * 3_600)),
            max_packet_size: some(PACKET_MAX),
            notify_down_members: true,
            periodic_announce: every(announce * 3, 1),
            periodic_announce_to_down_members: every(announce, 2),
            periodic_gossip: every(gossip.0, gossip.1),
        }
    }
}
