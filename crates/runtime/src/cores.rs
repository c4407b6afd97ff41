//! One OS thread a core, each with a runtime of its own: what is born there lives and dies there.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

/// A core's thread.
#[derive(Debug)]
pub struct CoreThread {
    thread: JoinHandle<()>,
}

impl CoreThread {
    /// Waits until the core's future has ended. Returns whether it ended without a panic.
    pub fn join(self) -> bool {
        self.thread.join().is_ok()
    }

    /// Whether the core's future has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Starts a thread called `name` and runs there what `make` returns. Futures need not be `Send`:
/// they never move.
///
/// # Errors
/// If the system has no room for another thread.
pub fn spawn_core<F, Fut>(name: &str, make: F) -> io::Result<CoreThread>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, make());
            // Tasks that are still there at the end are dropped here, with their connections.
        })?;
    Ok(CoreThread { thread })
}
