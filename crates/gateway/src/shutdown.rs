//! How a node ends, in order.
//!
//! Unready first, and connections are told to close; then withdrawn, while doors are still open:
//! what is on its way arrives (`drain`). Then doors close, what is in flight is finished, peers are
//! told, and the process ends. A second signal skips the waiting.

use std::sync::Arc;
use std::time::Duration;

use tidegate_cluster::Event;
use tidegate_runtime::{Failure, Phase};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::boot::Running;
use crate::drain;
use crate::reload::reload;
use crate::services::Services;
use crate::systemd;

/// Why a node ends.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Cause {
    Signal(&'static str),
    Lifeline,
    Failure(Failure),
}

/// Serves until the node is told to stop, then stops it. Returns whether it ended as it should.
pub(crate) fn run_until_stopped(running: Running, lifeline: bool) -> Result<bool, String> {
    let Running {
        control,
        services,
        mesh,
        mut tasks,
        cores,
    } = running;
    let signals = {
        let _within = control.enter();
        Signals::listen().map_err(|error| format!("signals cannot be heard: {error}"))?
    };
    systemd::ready();
    tasks_of_systemd(&control, &mut tasks);
    let (cause, mut signals) = control.block_on(wait(&services, &mut tasks, signals, lifeline));
    systemd::stopping();
    let well = match &cause {
        Cause::Signal(name) => {
            tracing::info!(signal = name, "Stopping.");
            true
        }
        Cause::Lifeline => {
            tracing::info!("Stopping: whoever started this node is gone.");
            true
        }
        Cause::Failure(failure) => {
            let how = if failure.panicked {
                "panicked"
            } else {
                "ended"
            };
            tracing::error!(
                task = failure.task,
                "Stopping: a part of the control plane {how}."
            );
            false
        }
    };
    let finished = control.block_on(async {
        tokio::select! {
            finished = drain_all(&services, &cores) => finished,
            () = signals.stop() => {
                tracing::warn!("A second signal: not waiting any longer.");
                false
            }
        }
    });
    services.stop.advance(Phase::Ended);
    if !finished {
        tracing::warn!("Some requests in flight were dropped.");
    }
    let mut all_well = true;
    for core in cores {
        all_well &= core.join();
    }
    control.block_on(async {
        if let Some(flush) = &services.flush {
            flush.now().await;
        }
        services.cluster.send(Event::Farewell).await;
        // The farewell is on its way once the machine has been looked at again.
        let _said = services.cluster.look(|_, _| ()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        mesh.close().await;
        tasks.shutdown().await;
        finish_logs(&services).await;
    });
    control.shutdown_timeout(Duration::from_secs(1));
    tracing::info!("Stopped.");
    Ok(well && all_well)
}

/// Lines that wait are delivered, within a bound.
async fn finish_logs(services: &Services) {
    // Whoever still has lines says so first.
    let bound = services.drain.logs.get() + Duration::from_millis(200);
    let finished = tokio::time::timeout(bound, services.access_log.finish()).await;
    if finished.is_err() {
        tracing::warn!("Some lines of the access log were not delivered.");
    }
}

/// systemd hears that the node lives for as long as its control plane runs.
fn tasks_of_systemd(control: &tokio::runtime::Runtime, tasks: &mut tidegate_runtime::Tasks) {
    let _within = control.enter();
    tasks.spawn("systemd", systemd::keep_alive());
}

async fn wait(
    services: &Arc<Services>,
    tasks: &mut tidegate_runtime::Tasks,
    mut signals: Signals,
    lifeline: bool,
) -> (Cause, Signals) {
    let mut lifeline = std::pin::pin!(hold_lifeline(lifeline));
    let cause = loop {
        tokio::select! {
            failure = tasks.first_failure() => break Cause::Failure(failure),
            () = &mut lifeline => break Cause::Lifeline,
            _ = signals.terminate.recv() => break Cause::Signal("SIGTERM"),
            _ = signals.interrupt.recv() => break Cause::Signal("SIGINT"),
            _ = signals.hang_up.recv() => {
                // Its result is in the log.
                let _logged = reload(services).await;
            }
        }
    };
    (cause, signals)
}

/// Leaves in order. Returns whether everything in flight was finished.
async fn drain_all(services: &Arc<Services>, cores: &[tidegate_runtime::CoreThread]) -> bool {
    drain::leave(services).await;
    tokio::time::sleep(services.drain.grace.get()).await;
    services.stop.advance(Phase::Closing);
    let deadline = tokio::time::Instant::now() + services.drain.timeout.get();
    while !cores.iter().all(tidegate_runtime::CoreThread::is_finished) {
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// Ends when standard input does: whoever held its other end is gone. Never ends if nobody asked
/// for it.
async fn hold_lifeline(wanted: bool) {
    if !wanted {
        std::future::pending::<()>().await;
    }
    let mut stdin = tokio::io::stdin();
    let mut byte = [0];
    while stdin.read(&mut byte).await.is_ok_and(|n| n > 0) {}
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
