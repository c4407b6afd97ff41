//! The director: a stand-in for anycast on one machine.
//!
//! Nodes tell it whether they are announced; a session that ends, or is silent for three seconds,
//! withdraws its node. For each geography it has a front, and splices what comes in there to a node
//! of the nearest region that is announced. Like the internet, it looks at nothing and retries
//! nothing: a connection sent to a node that has just died is lost. Unlike the internet, a change
//! of routes takes no time and leaves open connections alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_anycast::{Announcement, HOLD, LINE_MAX, PULSE, Routes};
use tidegate_config::Location;
use tidegate_model::{NodeId, RegionId};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::splice::splice;

/// Until a node has taken a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Nodes at a time.
const NODES_MAX: usize = 1_024;

/// What the director must know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DirectorPlan {
    /// Where nodes speak to it.
    pub at: SocketAddr,
    /// Its fronts.
    pub fronts: Vec<Front>,
    /// The door of nodes that clients are sent to.
    pub door: String,
    /// Whether clients that are sent to a far region feel the distance.
    pub wan: bool,
}

/// Where clients near a region come in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Front {
    /// The region.
    pub region: RegionId,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where the region is: latitude and longitude.
    pub place: (f64, f64),
}

impl Front {
    fn location(&self) -> Location {
        Location::new(self.place.0, self.place.1)
    }
}

/// Who is announced.
#[derive(Debug)]
struct Table {
    nodes: Mutex<BTreeMap<NodeId, Entry>>,
    routes: watch::Sender<Vec<RegionId>>,
    turn: std::sync::atomic::AtomicUsize,
}

#[derive(Clone, Debug)]
struct Entry {
    door: SocketAddr,
    session: u64,
}

impl Table {
    /// Takes in what a node says of itself in a session.
    fn announce(&self, announcement: &Announcement, door: &str, session: u64) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        match announcement
            .doors
            .get(door)
            .filter(|_| announcement.announce)
        {
            Some(addr) if nodes.len() < NODES_MAX || nodes.contains_key(&announcement.node) => {
                nodes.insert(
                    announcement.node.clone(),
                    Entry {
                        door: *addr,
                        session,
                    },
                );
            }
            Some(_) | None => {
                nodes.remove(&announcement.node);
            }
        }
        self.publish(&nodes);
    }

    /// A session is over. A newer one of the same node stands.
    fn withdraw(&self, session: u64) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|_, entry| entry.session != session);
        self.publish(&nodes);
    }

    fn publish(&self, nodes: &BTreeMap<NodeId, Entry>) {
        let mut regions: Vec<RegionId> = nodes.keys().map(|node| node.region.clone()).collect();
        regions.dedup();
        self.routes.send_if_modified(|known| {
            let changed = *known != regions;
            if changed {
                *known = regions;
            }
            changed
        });
    }

    /// The region nearest to `from` that is announced, and one of its nodes.
    fn route(
        &self,
        from: Location,
        places: &BTreeMap<RegionId, Location>,
    ) -> Option<(RegionId, SocketAddr)> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let distance = |region: &RegionId| {
            places
                .get(region)
                .map_or(u64::MAX, |p| from.distance_km(*p) as u64)
        };
        let region = nodes
            .keys()
            .map(|node| &node.region)
            .min_by_key(|region| distance(region))?
            .clone();
        let of_region: Vec<&Entry> = nodes
            .iter()
            .filter(|(node, _)| node.region == region)
            .map(|(_, entry)| entry)
            .collect();
        let turn = self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some((region, of_region[turn % of_region.len()].door))
    }
}

/// Runs a director until the process ends.
///
/// # Errors
/// If an address cannot be listened on; it names the address.
pub async fn serve(plan: DirectorPlan) -> Result<(), String> {
    let listen = async |addr: SocketAddr| {
        TcpListener::bind(addr)
            .await
            .map_err(|error| format!("the director cannot listen on {addr}: {error}"))
    };
    let table = Arc::new(Table {
        nodes: Mutex::default(),
        routes: watch::Sender::new(Vec::new()),
        turn: std::sync::atomic::AtomicUsize::new(0),
    });
    let places: Arc<BTreeMap<RegionId, Location>> = Arc::new(
        plan.fronts
            .iter()
            .map(|front| (front.region.clone(), front.location()))
            .collect(),
    );
    let sessions = listen(plan.at).await?;
    for front in &plan.fronts {
        let listener = listen(front.addr).await?;
        tokio::spawn(receive(
            listener,
            front.location(),
            Arc::clone(&table),
            Arc::clone(&places),
            plan.wan,
        ));
    }
    let mut number = 0;
    loop {
        match sessions.accept().await {
            Ok((stream, _)) => {
                number += 1;
                tokio::spawn(session(
                    stream,
                    number,
                    plan.door.clone(),
                    Arc::clone(&table),
                ));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One node's session.
async fn session(mut stream: TcpStream, number: u64, door: String, table: Arc<Table>) {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut routes = table.routes.subscribe();
    let mut pulse = tokio::time::interval(PULSE);
    let mut line = Vec::new();
    let mut heard = tokio::time::Instant::now();
    loop {
        let mut rest = (&mut read).take((LINE_MAX - line.len().min(LINE_MAX)) as u64);
        let tell = tokio::select! {
            read = rest.read_until(b'\n', &mut line) => {
                if !read.is_ok_and(|n| n > 0) || line.last() != Some(&b'\n') {
                    break;
                }
                let Ok(announcement) = serde_json::from_slice::<Announcement>(&line) else { break };
                heard = tokio::time::Instant::now();
                table.announce(&announcement, &door, number);
                line.clear();
                false
            }
            changed = routes.changed() => changed.is_ok(),
            _ = pulse.tick() => true,
            () = tokio::time::sleep_until(heard + HOLD) => break,
        };
        if tell {
            let regions = routes.borrow_and_update().clone();
            let Ok(mut text) = serde_json::to_vec(&Routes { regions }) else {
                break;
            };
            text.push(b'\n');
            if write.write_all(&text).await.is_err() {
                break;
            }
        }
    }
    table.withdraw(number);
}

/// Sends on what comes in at a front.
async fn receive(
    listener: TcpListener,
    from: Location,
    table: Arc<Table>,
    places: Arc<BTreeMap<RegionId, Location>>,
    wan: bool,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Nobody is announced: the connection is closed, as if there were no route.
        let Some((region, addr)) = table.route(from, &places) else {
            continue;
        };
        let far = places.get(&region).copied().filter(|_| wan);
        let one_way = far.map_or(Duration::ZERO, |place| from.one_way(place));
        tokio::spawn(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(addr)).await;
            if let Ok(Ok(node)) = connected {
                // A connection that breaks is the client's to notice.
                let _broken = splice(client, node, one_way).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(node: &str, announce: bool, port: u16) -> Announcement {
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        Announcement {
            node: node.parse().unwrap(),
            announce,
            doors: [("public".to_owned(), addr)].into(),
        }
    }

    #[test]
    fn clients_go_to_the_nearest_region_that_is_announced() {
        let table = Table {
            nodes: Mutex::default(),
            routes: watch::Sender::new(Vec::new()),
            turn: std::sync::atomic::AtomicUsize::new(0),
        };
        let places: BTreeMap<RegionId, Location> = [
            ("us".parse().unwrap(), Location::new(38.9, -77.4)),
            ("eu".parse().unwrap(), Location::new(53.3, -6.3)),
            ("ap".parse().unwrap(), Location::new(1.3, 103.8)),
        ]
        .into();
        let dublin = places[&"eu".parse().unwrap()];
        let to = |table: &Table| table.route(dublin, &places).map(|(_, addr)| addr.port());
        assert_eq!(to(&table), None);
        table.announce(&announcement("ap/a", true, 3), "public", 1);
        table.announce(&announcement("us/a", true, 1), "public", 2);
        assert_eq!(to(&table), Some(1), "America is nearer than Singapore");
        table.announce(&announcement("eu/a", true, 2), "public", 3);
        table.announce(&announcement("eu/b", true, 22), "public", 4);
        let mut both = [to(&table).unwrap(), to(&table).unwrap()];
        both.sort_unstable();
        assert_eq!(both, [2, 22], "nodes take turns");
        table.announce(&announcement("eu/a", true, 2), "public", 5);
        table.withdraw(3);
        table.withdraw(4);
        assert_eq!(
            to(&table),
            Some(2),
            "an old session's end does not withdraw a new one"
        );
        table.announce(&announcement("eu/a", false, 2), "public", 5);
        assert_eq!(to(&table), Some(1));
        assert_eq!(
            table
                .routes
                .borrow()
                .iter()
                .map(RegionId::as_str)
                .collect::<Vec<_>>(),
            ["ap", "us"]
        );
    }
}
