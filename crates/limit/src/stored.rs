//! A limit that is counted elsewhere, in a store that is asked one question a request: which
//! numbers go there, and what its answer means. The store itself is a shell's affair.
//!
//! The rules are those of the table, over one count for all nodes. The asking node's clock counts.

use std::time::Duration;

use tidegate_model::Wall;

use crate::bucket::Bucket;
use crate::table::Ask;
use crate::{Algorithm, OnStoreDown, Scope, SubjectKey, Verdict, Window};

/// What a store is asked about one limit.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Whose requests.
    pub subject: SubjectKey,
    /// What the request costs.
    pub cost: u32,
    /// Whether the limit only reports.
    pub shadow: bool,
    /// Who shares the count.
    pub scope: Scope,
    amount: u32,
    coin: Coin,
}

/// In which coin it is counted.
#[derive(Clone, Copy, Debug)]
enum Coin {
    Requests { window: Window, sliding: bool },
    Tokens { bucket: Bucket, now_us: u64 },
}

/// The numbers that a store needs for a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terms {
    /// Requests in windows.
    Requests {
        /// The amount.
        amount: u32,
        /// Which window.
        window: u32,
        /// How much of it is left, and how long it is; the window before weighs by that part. None
        /// if it does not matter.
        weighs_us: Option<(u64, u64)>,
        /// The count is of no use after this.
        keep_ms: u64,
    },
    /// Tokens of a bucket.
    Tokens {
        /// What the bucket holds.
        burst: u32,
        /// The time in which a token comes.
        step_ns: u64,
        /// Now, since the Unix epoch.
        now_us: u64,
    },
}

/// What a store says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Whether this limit has room.
    pub fits: bool,
    /// The count of the window before; nothing for a bucket.
    pub before: u64,
    /// The count of this window before the request; nanoseconds until full for a bucket.
    pub current: u64,
}

impl Question {
    /// What a request asks at `now`. `None` for requests under way, which stores do not count.
    #[must_use]
    pub fn of(ask: &Ask<'_>, now: Wall) -> Option<Self> {
        let limit = ask.limit;
        let coin = match limit.algorithm {
            Algorithm::Concurrency => return None,
            Algorithm::Bucket => Coin::Tokens {
                bucket: Bucket::new(ask.amount, limit.windows.longest(), limit.burst),
                now_us: now.unix_micros(),
            },
            algorithm => Coin::Requests {
                window: limit.windows.at(now),
                sliding: algorithm == Algorithm::Sliding,
            },
        };
        Some(Self {
            subject: ask.subject,
            cost: ask.cost,
            shadow: limit.shadow,
            scope: limit.scope,
            amount: ask.amount,
            coin,
        })
    }

    /// The numbers to send.
    #[must_use]
    pub fn terms(&self) -> Terms {
        match self.coin {
            Coin::Requests { window, sliding } => {
                let length = window.elapsed + window.left;
                // A sliding window still weighs on the next one. A second for clocks that differ.
                let keep = if sliding {
                    window.left + length
                } else {
                    window.left
                };
                Terms::Requests {
                    amount: self.amount,
                    window: window.ix.0,
                    weighs_us: sliding.then(|| (micros(window.left), micros(length))),
                    keep_ms: millis(keep + Duration::from_secs(1)),
                }
            }
            Coin::Tokens { bucket, now_us } => Terms::Tokens {
                burst: bucket.burst(),
                step_ns: bucket.nanos_for(1),
                now_us,
            },
        }
    }

    /// What the store's answer says to the request; `taken` if the cost was taken.
    #[must_use]
    pub fn verdict(&self, answer: Answer, taken: bool) -> Verdict {
        let Answer {
            fits,
            before,
            current,
        } = answer;
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let (room, used) = match self.coin {
            Coin::Requests { window, sliding } => {
                let carried = if sliding {
                    window.carried(count(before))
                } else {
                    0
                };
                (self.amount.saturating_sub(carried), count(current))
            }
            Coin::Tokens { bucket, .. } => {
                let missing = current.div_ceil(bucket.nanos_for(1));
                (bucket.burst(), count(missing))
            }
        };
        let free = room.saturating_sub(used);
        let remaining = if taken {
            free.saturating_sub(self.cost)
        } else {
            free
        };
        let left = match (self.coin, fits) {
            (Coin::Tokens { bucket, .. }, true) => {
                bucket.time_for(bucket.burst().saturating_sub(remaining))
            }
            (Coin::Tokens { bucket, .. }, false) => {
                bucket.time_for(self.cost.saturating_sub(remaining))
            }
            (
                Coin::Requests {
                    window,
                    sliding: true,
                },
                false,
            ) => {
                let enough = self.amount.saturating_sub(self.cost);
                window.until_within(enough, count(before), room.saturating_sub(remaining))
            }
            (Coin::Requests { window, .. }, _) => window.left,
        };
        self.said(fits, remaining, left)
    }

    /// What is said by a limit that is open or closed while its store does not answer.
    #[must_use]
    pub fn unasked(&self, how: OnStoreDown) -> Verdict {
        let open = how == OnStoreDown::Open;
        let remaining = if open { self.amount } else { 0 };
        Verdict {
            unstored: Some(how),
            ..self.said(open, remaining, Duration::from_secs(1))
        }
    }

    fn said(&self, admitted: bool, remaining: u32, left: Duration) -> Verdict {
        Verdict {
            admitted,
            shadow: self.shadow,
            amount: self.amount,
            remaining,
            left,
            ..Verdict::NOTHING
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
