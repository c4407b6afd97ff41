//! The DNS zone that this node serves: made of the configuration, told which regions are announced.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidegate_cluster::{ClusterStatus, Node, NodeStatus};
use tidegate_config::{Loaded, ZoneSpec};
use tidegate_model::RegionId;
use tidegate_zone::{Place, Served, Zone, serve};

use crate::place::own_region;
use crate::services::Services;

/// How often the zone is told which regions are announced.
const LOOK: Duration = Duration::from_millis(500);

/// Serves the zone of world.yaml, if this node does.
///
/// # Errors
/// A sentence.
pub(crate) async fn serve_zone(
    loaded: &Loaded,
    dns: Option<SocketAddr>,
) -> Result<Option<Served>, String> {
    let (Some(spec), Some(addr)) = (&loaded.world.zone, dns) else {
        return Ok(None);
    };
    let zone = zone(loaded, &spec.value)?;
    let served = serve(zone, addr, spec.value.answers_per_second).await;
    served.map(Some).map_err(|error| error.to_string())
}

fn zone(loaded: &Loaded, spec: &ZoneSpec) -> Result<Zone, String> {
    let place = |(name, addresses): (&String, &tidegate_config::Spanned<Vec<_>>)| {
        let region: RegionId = name.parse().ok()?;
        Some(Place {
            nearest: nearest(loaded, name),
            region,
            addresses: addresses.value.clone(),
        })
    };
    let near = spec.near.iter();
    let near = near.filter_map(|(prefix, region)| Some((*prefix, region.value.parse().ok()?)));
    Zone::new(
        &spec.name,
        &spec.servers,
        &spec.contact,
        u32::try_from(spec.ttl.get().as_secs().max(1)).unwrap_or(u32::MAX),
        &spec.names,
        spec.addresses.iter().filter_map(place).collect(),
        near.collect(),
        own_region(loaded).id.clone(),
        usize::from(spec.regions_max),
    )
    .map_err(|error| format!("the zone of world.yaml cannot be served: {error}"))
}

/// All regions by their distance from one, that one first.
fn nearest(loaded: &Loaded, from: &str) -> Vec<RegionId> {
    let world = &loaded.world.regions;
    let Some(here) = world.get(from).map(|place| place.value.location) else {
        return Vec::new();
    };
    let far = |name: &String| world[name].value.location.distance_km(here) as u64;
    let mut names: Vec<&String> = world.keys().collect();
    names.sort_by_key(|name| far(name));
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Tells the zone which regions are announced, until the process ends.
pub(crate) async fn steer_zone(services: Arc<Services>) {
    let Some(served) = &services.zone else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(status) = services.cluster.look(Node::status).await {
            served.set_announced(announced(&status));
        }
    }
}

/// Regions with a node that lives and is announced, by its own word.
fn announced(status: &ClusterStatus) -> BTreeSet<RegionId> {
    let is = |node: &NodeStatus| node.alive && node.facts.announced;
    let regions = status.regions.iter();
    let regions = regions.filter(|region| region.nodes.iter().any(is));
    regions.map(|region| region.region.clone()).collect()
}
