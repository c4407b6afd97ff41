//! Speaks to BIRD 2, by its control socket.
//!
//! BIRD holds the prefixes in a protocol of its own (`static`, or `direct` on the device that
//! carries them), which is `disabled` in its configuration. A node enables it to announce and
//! disables it to withdraw; it writes no configuration and needs no other right. What BIRD does is
//! read back again and again: after a restart of BIRD, or an order by somebody else, it is
//! corrected.

mod hold;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use tidegate_steer::{Plan, Reason};
use tokio::sync::watch;
use tokio::time::Instant;

pub use hold::{BirdPlace, Held, Wanted};
pub use talk::BirdError;

use crate::{Condition, Speaker, Spoken};

/// How often BIRD is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The first pause after a failure; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Announces this node through BIRD.
#[derive(Debug)]
pub struct Bird {
    wanted: watch::Sender<Wish>,
}

/// What the last plan wants.
#[derive(Clone, Copy, Debug)]
struct Wish {
    announce: bool,
    /// It withdraws because it was told to: there is time to say so.
    planned: bool,
    since: Instant,
}

impl Bird {
    /// Keeps BIRD as plans want it, for as long as the returned speaker lives. A planned withdrawal
    /// is told with GRACEFUL_SHUTDOWN for as long as `graceful_for`, if BIRD has a protocol for it.
    /// Call it within the control runtime.
    pub fn start(
        place: BirdPlace,
        graceful_for: Duration,
        condition: Arc<Condition>,
        said: impl Fn(Spoken) + Send + Sync + 'static,
    ) -> Self {
        let (wanted, changes) = watch::channel(Wish {
            announce: false,
            planned: false,
            since: Instant::now(),
        });
        let graceful_for = if place.graceful.is_some() {
            graceful_for
        } else {
            Duration::ZERO
        };
        let keeper = Keeper {
            place,
            graceful_for,
            condition,
            said,
            booted: None,
            pause: PAUSE,
        };
        tokio::spawn(keeper.keep(changes));
        Self { wanted }
    }
}

impl Speaker for Bird {
    fn apply(&self, plan: &Plan) {
        tracing::info!(plan = plan.number, announce = plan.announce, reason = %plan.reason, "Plan applied.");
        self.wanted.send_replace(Wish {
            announce: plan.announce,
            planned: plan.reason == Reason::Leaving,
            since: Instant::now(),
        });
    }
}

impl Wish {
    /// How BIRD shall be at the moment, and how long that stays so.
    fn at(self, now: Instant, graceful_for: Duration) -> (Wanted, Option<Duration>) {
        if self.announce {
            return (Wanted::Announced, None);
        }
        let left = graceful_for.saturating_sub(now.saturating_duration_since(self.since));
        if self.planned && !left.is_zero() {
            (Wanted::Graceful, Some(left))
        } else {
            (Wanted::Withdrawn, None)
        }
    }
}

struct Keeper<S> {
    place: BirdPlace,
    graceful_for: Duration,
    condition: Arc<Condition>,
    said: S,
    booted: Option<String>,
    pause: Duration,
}

impl<S: Fn(Spoken) + Send + Sync> Keeper<S> {
    async fn keep(mut self, mut wanted: watch::Receiver<Wish>) {
        loop {
            let wish = *wanted.borrow_and_update();
            let (now, lasts) = wish.at(Instant::now(), self.graceful_for);
            let wait = match self.place.hold(now).await {
                Ok(held) => {
                    self.held(now, held);
                    LOOK.min(lasts.unwrap_or(LOOK))
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
            tracing::info!("BIRD does again what it is told.");
        }
        let booted = self.booted.replace(held.booted.clone());
        if booted.is_some_and(|before| before != held.booted) {
            tracing::warn!("BIRD was restarted; what it announces was set again.");
        }
        if held.corrected {
            self.condition.corrected();
            tracing::info!(?wanted, "BIRD was set.");
        }
        (self.said)(Spoken::Applied {
            announced: wanted == Wanted::Announced,
        });
    }

    /// Returns how long to wait until the next attempt.
    fn failed(&mut self, error: &BirdError) -> Duration {
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
mod tests;
