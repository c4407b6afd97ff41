//! What the requests of one core share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{Rng, Seed};
use tidegate_telemetry::{AccessLog, LogBuffer};

use crate::shared::Shared;
use crate::upstream::Upstreams;

/// Lines of the access log are written at the latest after this.
const LOG_FLUSH: Duration = Duration::from_millis(250);

/// Serves the requests of one core.
pub struct Proxy {
    pub(crate) shared: Arc<Shared>,
    pub(crate) core: usize,
    pub(crate) upstreams: Rc<Upstreams>,
    pub(crate) log: RefCell<LogBuffer>,
    pub(crate) rng: RefCell<Rng>,
    pub(crate) turn: Cell<usize>,
    pub(crate) scratch: RefCell<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// A proxy for core number `core`; call it on that core.
    #[must_use]
    pub fn new(shared: Arc<Shared>, core: usize, log: &AccessLog, seed: Seed) -> Rc<Self> {
        let proxy = Rc::new(Self {
            upstreams: Upstreams::new(
                core,
                shared.clock,
                shared.dns.clone(),
                shared.relays.clone(),
            ),
            log: RefCell::new(log.buffer(core)),
            rng: RefCell::new(seed.child(&format!("core {core}")).rng()),
            // Cores that count in step would all send to the same endpoint.
            turn: Cell::new(core),
            scratch: RefCell::default(),
            core,
            shared,
        });
        tokio::task::spawn_local(flush_log(Rc::downgrade(&proxy)));
        proxy
    }

    pub(crate) fn next_turn(&self) -> usize {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        turn
    }
}

async fn flush_log(proxy: std::rc::Weak<Proxy>) {
    loop {
        tokio::time::sleep(LOG_FLUSH).await;
        let Some(proxy) = proxy.upgrade() else { return };
        proxy.log.borrow_mut().flush();
    }
}
