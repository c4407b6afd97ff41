//! What a node finds out about itself, again and again.

use std::sync::Arc;
use std::time::Duration;

use tidegate_balance::{EndpointName, Pool};
use tidegate_cluster::{Event, Seed};
use tidegate_config::Loaded;
use tidegate_dns::Dns;
use tidegate_model::{Mono, NodeId};
use tidegate_proxy::fit_everywhere;
use tidegate_steer::Trouble;

use crate::place::own_region;
use crate::self_request::ask_doors;
use crate::services::Services;

/// Each core counts up so often.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(100);
/// How often seeds are resolved anew.
const SEEDS: Duration = Duration::from_secs(30);

/// Checks the node until the process ends: do all cores run, do its own doors answer, and do all
/// services have a fit endpoint?
pub(crate) async fn check_forever(services: Arc<Services>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval.max(HEARTBEAT * 2));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last: Vec<Option<u64>> = vec![None; services.heartbeats.len()];
    loop {
        ticks.tick().await;
        let now: Vec<u64> = services.heartbeats.iter().map(|core| core.get()).collect();
        let stuck = last
            .iter()
            .zip(&now)
            .position(|(before, now)| *before == Some(*now));
        last = now.into_iter().map(Some).collect();
        let pools = &services.shared.live.load().snapshot.pools;
        let result = match stuck {
            Some(core) => Err(Trouble::total(format!("core {core} does not respond"))),
            None => ask_doors(&services.doors, &services.shared.own_word)
                .await
                .and_then(|()| has_services(pools)),
        };
        services.cluster.send(Event::Checked(result)).await;
    }
}

/// Whether all services have a fit endpoint.
fn has_services(pools: &[Arc<Pool>]) -> Result<(), Trouble> {
    fit_everywhere(pools).map_err(|what| Trouble {
        what,
        serves_some: pools.iter().any(|pool| pool.fit() > 0),
    })
}

/// Tells the cluster once a second how busy the node is.
pub(crate) async fn report_load(services: Arc<Services>) {
    let totals = || {
        let (answered, forwarded) = services.metrics.totals();
        (
            answered,
            forwarded,
            services.metrics.refusals.total("quota-exceeded"),
        )
    };
    let (mut before, mut since) = (totals(), services.clock.mono());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (after, now) = (totals(), services.clock.mono());
        let per_s = |before: u64, after: u64| {
            (after.saturating_sub(before) as f64 / now.since(since).as_secs_f64()).round() as u32
        };
        let load = Event::Load {
            requests_per_s: per_s(before.0, after.0),
            admitted_per_s: per_s(before.1, after.1),
            limited_per_s: per_s(before.2, after.2),
        };
        services.cluster.send(load).await;
        (before, since) = (after, now);
    }
}

/// Nodes to begin with, as the configuration names them.
pub(crate) fn seed_names(loaded: &Loaded) -> Vec<(NodeId, EndpointName)> {
    let region = own_region(loaded);
    let mates = region.spec.nodes.iter().filter_map(|(name, node)| {
        let addr = node.value.mesh.value;
        let endpoint = EndpointName {
            host: addr.ip().to_string().into(),
            port: addr.port(),
        };
        Some((NodeId::new(region.id.clone(), name).ok()?, endpoint))
    });
    let others = region.spec.peers.iter().flat_map(|(peer, nodes)| {
        nodes.value.iter().filter_map(move |(name, endpoint)| {
            Some((
                NodeId::new(peer.parse().ok()?, name).ok()?,
                endpoint.clone(),
            ))
        })
    });
    mates.chain(others).collect()
}

/// Where seeds are at the moment. Those that cannot be resolved are left out until they can.
pub(crate) async fn resolve_seeds(
    names: &[(NodeId, EndpointName)],
    dns: &Dns,
    now: Mono,
) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (node, endpoint) in names {
        match dns.socket_addr(&endpoint.host, endpoint.port, now).await {
            Ok(addr) => seeds.push(Seed {
                node: node.clone(),
                addr,
            }),
            Err(error) => {
                tracing::warn!(%node, %endpoint, %error, "A peer's address cannot be resolved.");
            }
        }
    }
    seeds
}

/// Keeps the cluster's seeds up to date, for those that are named by name.
pub(crate) async fn reseed(services: Arc<Services>, names: Vec<(NodeId, EndpointName)>) {
    loop {
        tokio::time::sleep(SEEDS).await;
        let seeds = resolve_seeds(&names, &services.shared.dns, services.clock.mono()).await;
        services.cluster.send(Event::Seeds(seeds)).await;
    }
}
