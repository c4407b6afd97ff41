//! Takes connections in, on one core, until the node is being stopped.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate_runtime::{Clock, Phase, Stopping};
use tidegate_telemetry::metrics::{Cut, DoorMetrics};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::conn::{Hall, serve};
use crate::{Door, DoorSettings, ServeRequest};

/// When the process is out of file descriptors, accepting again at once would only burn the core.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves all doors of one core. Ends when the doors are closed and no connection is left, or when
/// time is over.
///
/// # Errors
/// If a listening socket cannot be used.
pub async fn serve_doors<S: ServeRequest>(
    doors: Vec<Door>,
    service: Rc<S>,
    clock: Clock,
    stopping: Stopping,
) -> std::io::Result<()> {
    let open = Rc::new(Open::default());
    for Door {
        settings,
        metrics,
        listener,
    } in doors
    {
        let listener = TcpListener::from_std(listener)?;
        let hall = Rc::new(Hall {
            door: settings.name.as_str().into(),
            tls: acceptor(&settings),
            trusted_proxies: settings.trusted_proxies.clone().into(),
            service: Rc::clone(&service),
            clock,
            stopping: stopping.clone(),
            settings,
        });
        tokio::task::spawn_local(accept(listener, hall, metrics, Rc::clone(&open)));
    }
    let mut closing = stopping.clone();
    closing.reached(Phase::Closing).await;
    let mut ended = stopping;
    tokio::select! {
        () = open.none() => {}
        () = ended.reached(Phase::Ended) => {}
    }
    Ok(())
}

fn acceptor(settings: &DoorSettings) -> Option<TlsAcceptor> {
    if let Some(peers) = &settings.peers {
        return Some(TlsAcceptor::from(peers.server_config()));
    }
    let certificates = settings.tls.as_ref()?;
    let clients = settings.clients.as_ref();
    Some(TlsAcceptor::from(certificates.server_config(clients)))
}

async fn accept<S: ServeRequest>(
    listener: TcpListener,
    hall: Rc<Hall<S>>,
    metrics: Arc<DoorMetrics>,
    open: Rc<Open>,
) {
    let mut stopping = hall.stopping.clone();
    let connections_max = u64::from(hall.settings.connections_max);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.reached(Phase::Closing) => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, door = &*hall.door, "A connection could not be accepted.");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        metrics.accepted.add(1);
        // Cores may look at the same time and go over by one each; the bound protects memory, not a
        // count.
        if metrics.open.get() >= connections_max {
            metrics.cut(Cut::Full);
            continue;
        }
        let guard = Guard::new(&metrics, &open);
        let (hall, metrics) = (Rc::clone(&hall), Arc::clone(&metrics));
        tokio::task::spawn_local(async move {
            let cut = serve(hall, stream, peer).await;
            if let Some(why) = cut {
                metrics.cut(why);
            }
            drop(guard);
        });
    }
}

/// Connections open on this core.
#[derive(Default)]
struct Open {
    count: Cell<usize>,
    changed: Notify,
}

impl Open {
    async fn none(&self) {
        while self.count.get() > 0 {
            self.changed.notified().await;
        }
    }
}

/// Counts a connection as open as long as it lives.
struct Guard {
    metrics: Arc<DoorMetrics>,
    open: Rc<Open>,
}

impl Guard {
    fn new(metrics: &Arc<DoorMetrics>, open: &Rc<Open>) -> Self {
        metrics.open.add(1);
        open.count.set(open.count.get() + 1);
        Self {
            metrics: Arc::clone(metrics),
            open: Rc::clone(open),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.metrics.open.sub(1);
        self.open.count.set(self.open.count.get() - 1);
        self.open.changed.notify_one();
    }
}
