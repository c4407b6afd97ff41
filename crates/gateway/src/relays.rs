//! How this node passes requests on to other regions: by whose certificates, and to whom.

use std::sync::Arc;
use std::time::Duration;

use tidegate_cluster::Node;
use tidegate_mesh::{Links, PeerTls};
use tidegate_model::RegionId;
use tidegate_net::Peers;
use tidegate_proxy::{Distance, Neighbour, Relays};

use crate::place::Place;
use crate::services::Services;

/// How often the cluster's view of other regions is taken over. It changes once a second at most.
const LOOK: Duration = Duration::from_millis(500);

/// Nodes know each other here as in the mesh.
pub(crate) fn peers(place: &Place, tls: &PeerTls) -> Peers {
    Peers {
        home: place.node.region.clone(),
        tls: tls.relay(),
        node_of: tidegate_mesh::node_of,
        server_name: tidegate_mesh::server_name,
    }
}

/// The way to other regions, as far as it would be if `links` say so.
pub(crate) fn relays(peers: Peers, links: Option<Arc<Links>>) -> Relays {
    let distance = links.map(|links| -> Distance {
        Box::new(move |region: &RegionId| {
            let rule = links.to(region);
            (!rule.cut).then_some(rule.one_way)
        })
    });
    Relays::new(peers, distance)
}

/// Keeps up with who is heard in other regions, until the process ends.
pub(crate) async fn follow(services: Arc<Services>) {
    let Some(relays) = &services.shared.relays else {
        return;
    };
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(heard) = services.cluster.look(Node::neighbours).await else {
            return;
        };
        let neighbour = |(node, addr, fit)| Neighbour { node, addr, fit };
        relays.set(heard.into_iter().map(neighbour).collect());
    }
}
