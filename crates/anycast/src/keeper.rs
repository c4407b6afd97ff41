//! Keeps a daemon as plans want it.
//!
//! Level-triggered: what is wanted is compared with what is, twice a second and at every change;
//! what differs is set. So neither a restart of the daemon, nor an order by somebody else, nor a
//! plan that was made while the daemon was away is lost. And when this process ends, nothing is
//! changed.

use std::sync::Arc;
use std::time::Duration;

use tidegate_steer::{Plan, Reason};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Condition, Speaker, Spoken};

/// How often a daemon is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The first pause after a failure; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How our prefixes shall be announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// As usual.
    Announced,
    /// As the second choice: routers take it when they know of nothing else.
    Reduced,
    /// With GRACEFUL_SHUTDOWN (RFC 8326): neighbours look for another way while this one still
    /// works.
    Graceful,
    /// Not at all.
    Withdrawn,
}

/// What a correction found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Whether the daemon was not as wanted.
    pub corrected: bool,
    /// When the daemon was started, if it tells: an opaque mark that changes with each start.
    pub booted: String,
}

/// Something outside that announces for us.
pub trait Daemon: Send + 'static {
    /// What operators call it.
    const NAME: &'static str;
    /// How often it is looked at while all is well.
    const LOOK: Duration = LOOK;
    /// Why it did not do what it was asked to.
    type Error: std::error::Error + Send;

    /// Makes it announce what is wanted, and reads back whether it does.
    fn hold(&mut self, wanted: Wanted) -> impl Future<Output = Result<Held, Self::Error>> + Send;
}

/// Announces this node through a daemon.
#[derive(Debug)]
pub struct Keeper {
    wanted: watch::Sender<Wish>,
}

/// What the last plan wants.
#[derive(Clone, Copy, Debug)]
struct Wish {
    announce: bool,
    reduced: bool,
    /// It withdraws because it was told to: there is time to say so.
    planned: bool,
    since: Instant,
}

impl Keeper {
    /// Keeps a daemon as plans want it, for as long as the returned speaker lives. A planned
    /// withdrawal is told with GRACEFUL_SHUTDOWN for as long as `graceful_for`. Call it within the
    /// control runtime.
    pub fn start(
        daemon: impl Daemon,
        graceful_for: Duration,
        condition: Arc<Condition>,
        said: impl Fn(Spoken) + Send + Sync + 'static,
    ) -> Self {
        let (wanted, changes) = watch::channel(Wish {
            announce: false,
            reduced: false,
            planned: false,
            since: Instant::now(),
        });
        let keeping = Keeping {
            daemon,
            graceful_for,
            condition,
            said,
            booted: None,
            pause: PAUSE,
        };
        tokio::spawn(keeping.keep(changes));
        Self { wanted }
    }
}

impl Speaker for Keeper {
    fn apply(&self, plan: &Plan) {
        tracing::info!(plan = plan.number, announce = plan.announce, reason = %plan.reason, "Plan applied.");
        self.wanted.send_replace(Wish {
            announce: plan.announce,
            reduced: plan.reduced,
            planned: plan.reason == Reason::Leaving,
            since: Instant::now(),
        });
    }
}

impl Wish {
    /// How the daemon shall be at the moment, and how long that stays so.
    fn at(self, now: Instant, graceful_for: Duration) -> (Wanted, Option<Duration>) {
        if self.announce {
            let wanted = if self.reduced {
                Wanted::Reduced
            } else {
                Wanted::Announced
            };
            return (wanted, None);
        }
        let left = graceful_for.saturating_sub(now.saturating_duration_since(self.since));
        if self.planned && !left.is_zero() {
            (Wanted::Graceful, Some(left))
        } else {
            (Wanted::Withdrawn, None)
        }
    }
}

struct Keeping<D, S> {
    daemon: D,
    graceful_for: Duration,
    condition: Arc<Condition>,
    said: S,
    booted: Option<String>,
    pause: Duration,
}

impl<D: Daemon, S: Fn(Spoken) + Send + Sync> Keeping<D, S> {
    async fn keep(mut self, mut wanted: watch::Receiver<Wish>) {
        loop {
            let wish = *wanted.borrow_and_update();
            let (now, lasts) = wish.at(Instant::now(), self.graceful_for);
            let wait = match self.daemon.hold(now).await {
                Ok(held) => {
                    self.held(now, held);
                    D::LOOK.min(lasts.unwrap_or(D::LOOK))
                }
                Err(error) => self.failed(&error),
            };
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn held(&mut self, wanted: Wanted, held: Held) {
        self.pause = PAUSE;
        if self.condition.mend() {
            tracing::info!("{} does again what it is told.", D::NAME);
        }
        let booted = self.booted.replace(held.booted.clone());
        if booted.is_some_and(|before| before != held.booted) {
            tracing::warn!(
                "{} was restarted; what it announces was set again.",
                D::NAME
            );
        }
        if held.corrected {
            self.condition.corrected();
            tracing::info!(?wanted, "{} was set.", D::NAME);
        }
        (self.said)(Spoken::Applied {
            announced: matches!(wanted, Wanted::Announced | Wanted::Reduced),
        });
    }

    /// Returns how long to wait until the next attempt.
    fn failed(&mut self, error: &D::Error) -> Duration {
        if self.condition.fail(error.to_string()) {
            tracing::warn!(%error, "What this node announces cannot be set; trying on.");
        }
        // Whoever cannot be sure that it is announced must not be counted on by others.
        (self.said)(Spoken::Applied { announced: false });
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_withdrawal_is_graceful_first() {
        let now = Instant::now();
        let wish = Wish {
            announce: false,
            reduced: false,
            planned: true,
            since: now,
        };
        let second = Duration::from_secs(1);
        assert_eq!(wish.at(now, second), (Wanted::Graceful, Some(second)));
        assert_eq!(wish.at(now + second, second), (Wanted::Withdrawn, None));
        let unplanned = Wish {
            planned: false,
            ..wish
        };
        assert_eq!(unplanned.at(now, second), (Wanted::Withdrawn, None));
    }

    #[test]
    fn a_second_choice_is_announced_as_one() {
        let wish = Wish {
            announce: true,
            reduced: true,
            planned: false,
            since: Instant::now(),
        };
        assert_eq!(wish.at(Instant::now(), LOOK), (Wanted::Reduced, None));
    }
}
