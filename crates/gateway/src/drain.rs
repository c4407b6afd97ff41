//! How a node leaves while it still serves: in the order in which nobody loses a request.
//!
//! Connections are told to close first (`Connection: close`, GOAWAY), while packets still come
//! here: a connection that is open when routes change is reset. Only then the node withdraws.

use std::sync::Arc;

use tidegate_cluster::Event;
use tidegate_runtime::Phase;

use crate::services::Services;

/// Unready at once, withdrawn after `drain.settle`. Does nothing more if that was taken back
/// meanwhile.
pub(crate) async fn leave(services: &Arc<Services>) {
    services.stop.advance(Phase::Draining);
    tokio::time::sleep(services.drain.settle.get()).await;
    if services.stop.watch().phase() >= Phase::Draining {
        services.cluster.send(Event::Leave).await;
    }
}

/// Takes that back, unless the node is being stopped. Returns whether it could.
pub(crate) async fn come_back(services: &Arc<Services>) -> bool {
    if !services.stop.resume() {
        return false;
    }
    services.cluster.send(Event::Return).await;
    true
}
