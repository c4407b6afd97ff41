//! How a node leaves while it still serves: in the order in which nobody loses a request.
//!
//! Connections are told to close first (`Connection: close`, GOAWAY), while packets still come
//! here: a connection that is open when routes change is reset. Only then the node withdraws.

use std::sync::Arc;
use std::time::Duration;

use tidegate_cluster::{Event, Node};
use tidegate_runtime::Phase;

use crate::services::Services;

/// A drained node leaves only if nothing forbids it. It waits so long for what may pass by itself,
/// a permit of other regions above all.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Leaves as an operator wishes, if nothing forbids it.
///
/// # Errors
/// What forbids it. Then everything is as it was before.
pub(crate) async fn leave_if_allowed(services: &Arc<Services>) -> Result<(), String> {
    services.cluster.send(Event::Drain).await;
    let left = match until(services, Node::may_leave).await {
        Ok(()) => {
            services.stop.advance(Phase::Draining);
            tokio::time::sleep(services.drain.settle.get()).await;
            services.cluster.send(Event::Settled).await;
            let gone = |node: &Node| match node.has_left() {
                true => Ok(()),
                false => Err(node
                    .may_leave()
                    .err()
                    .unwrap_or_else(|| ("it was taken back".to_owned(), true))),
            };
            until(services, gone).await
        }
        refused => refused,
    };
    if left.is_err() {
        come_back(services).await;
    }
    left
}

/// Waits until something holds, for what may come by itself. If not, says what stands against it.
async fn until(
    services: &Arc<Services>,
    holds: impl Fn(&Node) -> Result<(), (String, bool)> + Copy + Send + 'static,
) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let looked = services.cluster.look(move |node, _| holds(node)).await;
        match looked {
            Some(Ok(())) => return Ok(()),
            Some(Err((_, true))) if tokio::time::Instant::now() < deadline => {}
            Some(Err((why, _))) => return Err(why),
            None => return Err("the control plane has stopped".to_owned()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

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
