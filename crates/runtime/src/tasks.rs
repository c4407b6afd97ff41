//! Tasks that must not end unnoticed.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::task::{Id, JoinSet};

/// Named tasks of the control plane. One that panics, or ends though it should run for ever, ends
/// the process: a node that lost its gossip or its probes must not go on as if it had them.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    names: BTreeMap<Id, &'static str>,
}

/// A task that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Which one.
    pub task: &'static str,
    /// Whether it panicked; otherwise it just ended.
    pub panicked: bool,
}

impl Tasks {
    /// Starts a task.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.set.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first task to end. Without tasks, waits for ever.
    pub async fn first_failure(&mut self) -> Failure {
        let Some(ended) = self.set.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        Failure {
            task: self.names.get(&id).copied().unwrap_or("unnamed"),
            panicked,
        }
    }

    /// Ends all tasks.
    pub async fn shutdown(mut self) {
        self.set.shutdown().await;
    }
}
