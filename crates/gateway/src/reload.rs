//! A new generation, without losing a request: read, check, build, swap.
//!
//! Anything wrong leaves everything as it was. What cannot change while a node runs (its addresses
//! and doors) is told.

use std::sync::{Arc, PoisonError};

use tidegate_balance::Pool;
use tidegate_cluster::{ClusterSpec, Event};
use tidegate_model::{Epoch, Generation};
use tidegate_proxy::Probes;
use tidegate_telemetry::Wanted;
use tidegate_tokens::Around;

use crate::check::{resolve_seeds, seed_names};
use crate::data::DataFolder;
use crate::files::load_region;
use crate::log_ship::Around as LogsAround;
use crate::logs::{Logs, changed};
use crate::place::{Place, listed_nodes, own_region};
use crate::services::Services;
use crate::store::store;
use crate::tables::{Known, live};
use crate::topology::Topology;
use crate::traces::needs_restart as traces_need_restart;

/// What came of a reload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reloaded {
    pub(crate) generation: Generation,
    /// What has changed in the files but needs a restart, in words.
    pub(crate) needs_restart: Vec<String>,
}

/// Loads the configuration anew.
///
/// # Errors
/// The report; the old generation goes on.
pub(crate) async fn reload(services: &Arc<Services>) -> Result<Reloaded, String> {
    let _one_at_a_time = services.reloading.lock().await;
    // Whoever moves files of logs aside asks for a reload, whatever comes of it.
    services.access_log.reopen();
    let result = try_reload(services).await;
    let now = services.clock.now().wall;
    services.metrics.reloads.reloaded(result.is_ok(), now);
    match &result {
        Ok(reloaded) => {
            tracing::info!(generation = %reloaded.generation, "Configuration loaded.");
            for change in &reloaded.needs_restart {
                tracing::warn!("Not in effect until a restart: {change}.");
            }
        }
        Err(report) => tracing::error!("Configuration refused, the old one goes on: {report}"),
    }
    result
}

async fn try_reload(services: &Arc<Services>) -> Result<Reloaded, String> {
    let shared = &services.shared;
    let options = services.options.clone();
    let (loaded, _) = tokio::task::spawn_blocking(move || load_region(&options.region_file))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|refused| refused.text(false))?;
    let place = Place::find(&loaded, &services.options)?;
    let mut needs_restart = changes(services, &place);
    let traces = own_region(&loaded).spec.traces.as_ref();
    if traces_need_restart(services.traces.as_ref(), traces.map(|spec| &spec.value)) {
        needs_restart.push("where traces go, and how".to_owned());
    }
    for door in &services.doors {
        if let Some(certificates) = &door.tls {
            certificates.reload().map_err(|error| error.to_string())?;
        }
        if let Some(clients) = &door.clients {
            clients.reload().map_err(|error| error.to_string())?;
        }
    }
    let data = DataFolder::new(services.options.data.clone());
    let further = own_region(&loaded).spec.logs.clone();
    let logs = changed_logs(services, &further, &data).await?;
    let running = shared.live.load().store.clone();
    let handle = tokio::runtime::Handle::current();
    let store = store(&loaded, &data, running, &services.metrics, &handle)?;
    let around = Around {
        dns: shared.dns.clone(),
        clock: services.clock,
        control: tokio::runtime::Handle::current(),
        folder: services.options.data.clone(),
    };
    let (world, before) = (loaded.world.clone(), shared.live.load_full());
    let known = move || Known::build(&world, Some(&before), &around);
    let known = tokio::task::spawn_blocking(known)
        .await
        .map_err(|error| error.to_string())??;
    let fresh = live(
        &loaded,
        known,
        &shared.pepper,
        &shared.counters,
        &services.metrics,
        store,
    )?;
    // The last step that can fail.
    let swapped = services.access_log.swap(logs, &services.metrics);
    swapped.map_err(|error| format!("the access log cannot be opened: {error}"))?;
    *services.logs.lock().unwrap_or_else(PoisonError::into_inner) = further;
    inherit(&fresh.snapshot.pools, &shared.live.load().snapshot.pools);
    let probes = Probes::start(
        &fresh.snapshot.pools,
        &shared.dns,
        services.clock,
        &services.metrics,
    );
    shared.live.store(Arc::new(fresh));
    services.topology.store(Arc::new(Topology::of(&loaded)));
    *services
        .probes
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = probes;
    let seeds = resolve_seeds(&seed_names(&loaded), &shared.dns, services.clock.mono()).await;
    let spec = ClusterSpec {
        node: services.node.clone(),
        // What identifies the node is not taken over.
        epoch: Epoch(0),
        addr: place.mesh,
        regions: loaded.region_ids.clone(),
        nodes: listed_nodes(&loaded),
        seeds,
        generation: loaded.generation,
        steer: loaded.world.steer,
        sync: loaded.world.sync,
    };
    services
        .cluster
        .send(Event::Reconfigured(Box::new(spec)))
        .await;
    Ok(Reloaded {
        generation: loaded.generation,
        needs_restart,
    })
}

/// The destinations of the access log as they are to be.
async fn changed_logs(
    services: &Services,
    further: &Logs,
    data: &DataFolder,
) -> Result<Vec<Wanted>, String> {
    let before = services.logs.lock();
    let before = before.unwrap_or_else(PoisonError::into_inner).clone();
    let around = LogsAround {
        node: &services.node,
        data,
        clock: services.clock,
        linger: services.drain.logs.get(),
    };
    changed(&before, further, &around).await
}

fn inherit(fresh: &[Arc<Pool>], old: &[Arc<Pool>]) {
    for pool in fresh {
        if let Some(known) = old.iter().find(|known| known.name == pool.name) {
            pool.inherit(known);
        }
    }
}

/// What is different but cannot change while the node runs.
fn changes(services: &Services, place: &Place) -> Vec<String> {
    let mut changes = Vec::new();
    let addresses = place.addresses();
    for (name, addr) in &addresses {
        match services.doors.iter().find(|door| door.name == *name) {
            None => changes.push(format!("the new door `{name}`")),
            Some(door) if door.addr != *addr => {
                changes.push(format!("the door `{name}` moves to {addr}"));
            }
            Some(_) => {}
        }
    }
    for door in services
        .doors
        .iter()
        .filter(|door| !addresses.contains_key(door.name.as_str()))
    {
        changes.push(format!("the door `{}` goes", door.name));
    }
    if place.workers != services.heartbeats.len() {
        changes.push(format!(
            "{} workers instead of {}",
            place.workers,
            services.heartbeats.len()
        ));
    }
    changes
}
