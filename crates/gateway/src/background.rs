//! What a node does in the background for as long as it runs, besides gossip and requests.

use std::sync::Arc;

use tidegate_runtime::Tasks;

use crate::check::{HEARTBEAT, report_load};
use crate::key_store::KeyStore;
use crate::key_tail;
use crate::relays::follow;
use crate::services::Services;
use crate::watch::watch_forever;
use crate::zone::steer_zone;

/// Starts all of it.
pub(crate) fn start(services: &Arc<Services>, tasks: &mut Tasks, store: &KeyStore) {
    tasks.spawn("zone", steer_zone(Arc::clone(services)));
    tasks.spawn("loop lag", beat_control(Arc::clone(services)));
    tasks.spawn("load", report_load(Arc::clone(services)));
    tasks.spawn("watch", watch_forever(Arc::clone(services)));
    if services.shared.relays.is_some() {
        tasks.spawn("relays", follow(Arc::clone(services)));
    }
    if let KeyStore::Dynamo(remote) = store {
        let follow = key_tail::follow(Arc::clone(services), remote.table.clone());
        tasks.spawn("key stream", follow);
        let repair = key_tail::repair(Arc::clone(services), remote.table.clone());
        tasks.spawn("key log", repair);
        tasks.spawn("key settling", key_tail::settle(Arc::clone(services)));
    }
}

/// Counts up while the core runs, and measures how late it comes round to it.
pub(crate) async fn beat(services: Arc<Services>, core: usize) {
    loop {
        late_by(&services, core).await;
        services.heartbeats[core].add(1);
    }
}

/// Measures how late the control plane comes round to what is due.
async fn beat_control(services: Arc<Services>) {
    loop {
        late_by(&services, usize::MAX).await;
    }
}

async fn late_by(services: &Services, core: usize) {
    let before = services.clock.mono();
    tokio::time::sleep(HEARTBEAT).await;
    let lag = services.clock.mono().since(before + HEARTBEAT);
    services.metrics.loop_lag(core).record(lag);
}
