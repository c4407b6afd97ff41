//! What a connection is doing, and how long it may.
//!
//! One timer a connection instead of several a request: the state changes by plain assignments, and
//! [`Watchdog`] looks at it whenever the connection's task runs anyway. The timer is set again only
//! when something is due earlier than planned.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tidegate_model::Mono;
use tidegate_runtime::Clock;
use tidegate_telemetry::metrics::Cut;
use tokio::time::Sleep;

/// A request that has outlived its time is ended by whoever serves it; a connection that does not
/// let go even then, this much later.
const GRACE: Duration = Duration::from_secs(5);

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing, since then.
    Idle(Mono),
    /// Sending a header section, since then.
    Head(Mono),
    /// Being served.
    Busy,
}

/// The state of one connection, shared by those who see it change.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Clock,
    header: Duration,
    idle: Duration,
    state: Cell<State>,
    /// Read since the last complete header section.
    head_bytes: Cell<usize>,
    /// Requests being served, and until when each may be.
    requests: RefCell<Vec<(u64, Option<Mono>)>>,
    started: Cell<u64>,
}

impl Activity {
    /// A connection whose first bytes have just arrived.
    pub(crate) fn new(clock: Clock, header: Duration, idle: Duration) -> Rc<Self> {
        let state = Cell::new(State::Head(clock.mono()));
        Rc::new(Self {
            clock,
            header,
            idle,
            state,
            head_bytes: Cell::new(0),
            requests: RefCell::default(),
            started: Cell::new(0),
        })
    }

    /// Bytes have arrived.
    pub(crate) fn read(&self, bytes: usize) {
        self.head_bytes.set(self.head_bytes.get() + bytes);
        if let State::Idle(_) = self.state.get() {
            self.state.set(State::Head(self.clock.mono()));
        }
    }

    /// Whether a header section longer than `max` is being sent.
    pub(crate) fn head_exceeds(&self, max: usize) -> bool {
        matches!(self.state.get(), State::Head(_)) && self.head_bytes.get() >= max
    }

    /// A request is complete up to its body.
    pub(crate) fn begin(self: &Rc<Self>) -> Busy {
        let number = self.started.get();
        self.started.set(number + 1);
        self.state.set(State::Busy);
        self.head_bytes.set(0);
        self.requests.borrow_mut().push((number, None));
        Busy {
            activity: Rc::clone(self),
            number,
        }
    }

    fn end(&self, number: u64) {
        let mut requests = self.requests.borrow_mut();
        requests.retain(|(known, _)| *known != number);
        if requests.is_empty() {
            self.head_bytes.set(0);
            self.state.set(State::Idle(self.clock.mono()));
        }
    }

    /// When the connection has had its time, and why it is ended then.
    fn due(&self) -> Option<(Mono, Cut)> {
        match self.state.get() {
            State::Idle(since) => Some((since + self.idle, Cut::Idle)),
            State::Head(since) => Some((since + self.header, Cut::HeaderTimeout)),
            State::Busy => {
                let first = self
                    .requests
                    .borrow()
                    .iter()
                    .filter_map(|(_, until)| *until)
                    .min();
                first.map(|until| (until + GRACE, Cut::Broken))
            }
        }
    }
}

/// A request being served. The connection is busy as long as this lives.
#[derive(Debug)]
pub struct Busy {
    activity: Rc<Activity>,
    number: u64,
}

impl Busy {
    /// Until when the request may be served. A client that does not take its answer even then loses
    /// its connection.
    pub fn until(&self, at: Mono) {
        let mut requests = self.activity.requests.borrow_mut();
        if let Some((_, until)) = requests
            .iter_mut()
            .find(|(number, _)| *number == self.number)
        {
            *until = Some(at);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.end(self.number);
    }
}

/// Ends when the connection has had its time.
pub(crate) struct Watchdog {
    activity: Rc<Activity>,
    armed: Option<Mono>,
    sleep: Pin<Box<Sleep>>,
}

impl Watchdog {
    pub(crate) fn new(activity: Rc<Activity>) -> Self {
        Self {
            activity,
            armed: None,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }
}

impl Future for Watchdog {
    type Output = Cut;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Cut> {
        loop {
            let Some((due, why)) = self.activity.due() else {
                // Whatever is armed may fire; then we look again.
                return Poll::Pending;
            };
            if self.armed.is_none_or(|armed| due < armed) {
                let deadline = self.activity.clock.instant(due);
                self.sleep.as_mut().reset(deadline);
                self.armed = Some(due);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
            if self.activity.clock.mono() >= due {
                return Poll::Ready(why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ends_after(watchdog: &mut Watchdog, wait: Duration) -> Option<Cut> {
        tokio::time::timeout(wait, watchdog).await.ok()
    }

    #[tokio::test]
    async fn each_state_has_its_time() {
        let ms = Duration::from_millis;
        let activity = Activity::new(Clock::start(), ms(50), ms(200));
        let mut watchdog = Watchdog::new(Rc::clone(&activity));
        let busy = activity.begin();
        assert_eq!(
            ends_after(&mut watchdog, ms(100)).await,
            None,
            "a served connection is left alone"
        );
        drop(busy);
        assert_eq!(
            ends_after(&mut watchdog, ms(100)).await,
            None,
            "and may be idle for a while"
        );
        activity.read(1);
        assert_eq!(
            ends_after(&mut watchdog, ms(150)).await,
            Some(Cut::HeaderTimeout)
        );
        let busy = activity.begin();
        drop(busy);
        assert_eq!(ends_after(&mut watchdog, ms(400)).await, Some(Cut::Idle));
    }
}
