//! The order of ending, as a value that everything can watch.

use tokio::sync::watch;

/// Where a process is between running and ended. Phases are passed in order; only being away and
/// draining can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Business as usual.
    Running,
    /// Withdrawn because it is ill; what still comes is served, and every answer closes its
    /// connection, so that its client comes in elsewhere.
    Away,
    /// Unready and withdrawn; what still comes is served, and every answer closes its connection.
    Draining,
    /// Doors are closed; what is in flight is finished.
    Closing,
    /// What is left is dropped.
    Ended,
}

/// Sets the phase.
#[derive(Clone, Debug)]
pub struct Stop {
    phase: watch::Sender<Phase>,
}

/// Watches the phase.
#[derive(Clone, Debug)]
pub struct Stopping {
    phase: watch::Receiver<Phase>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
        }
    }
}

impl Stop {
    /// Moves on to a later phase; an earlier one is ignored.
    pub fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let later = to > *phase;
            *phase = (*phase).max(to);
            later
        });
    }

    /// Says whether the process is away. Nothing changes once it drains or ends.
    pub fn set_away(&self, away: bool) {
        let wanted = if away { Phase::Away } else { Phase::Running };
        self.phase.send_if_modified(|phase| {
            let changes = *phase < Phase::Draining && *phase != wanted;
            if changes {
                *phase = wanted;
            }
            changes
        });
    }

    /// Takes draining back, for a node that was drained and not stopped. Returns whether it now
    /// runs.
    #[must_use]
    pub fn resume(&self) -> bool {
        self.phase.send_if_modified(|phase| {
            let back = *phase == Phase::Draining;
            if back {
                *phase = Phase::Running;
            }
            back
        });
        *self.phase.borrow() == Phase::Running
    }

    /// Somebody who watches.
    #[must_use]
    pub fn watch(&self) -> Stopping {
        Stopping {
            phase: self.phase.subscribe(),
        }
    }
}

impl Stopping {
    /// The phase at the moment.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the phase is at least this one. A process whose [`Stop`] is gone has ended.
    pub async fn reached(&mut self, phase: Phase) {
        let _ended = self.phase.wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drains_is_no_longer_away() {
        let stop = Stop::default();
        stop.set_away(true);
        assert_eq!(stop.watch().phase(), Phase::Away);
        stop.set_away(false);
        assert_eq!(stop.watch().phase(), Phase::Running);
        stop.advance(Phase::Draining);
        stop.set_away(true);
        stop.set_away(false);
        assert_eq!(stop.watch().phase(), Phase::Draining);
    }

    #[tokio::test]
    async fn phases_only_advance() {
        let stop = Stop::default();
        let mut stopping = stop.watch();
        stop.advance(Phase::Closing);
        stop.advance(Phase::Draining);
        assert_eq!(stopping.phase(), Phase::Closing);
        stopping.reached(Phase::Draining).await;
        drop(stop);
        stopping.reached(Phase::Ended).await;
    }
}
