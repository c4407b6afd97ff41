//! One subject's numbers, as atomics that all cores and the control thread share: 64 bytes, a cache
//! line, plus 8 for the key.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use tidegate_model::Mono;

use crate::bucket::Bucket;
use crate::line::{Line, Share};
use crate::subject::LimitIx;
use crate::{Count, WindowIx};

/// The numbers of one subject on this node. Cores write the own counts, the control thread writes
/// the line. Aligned, so that a request misses one cache line and not two.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// Window and requests admitted here in it; of leases, how many are held here.
    admitted: AtomicU64,
    /// An earlier window and requests admitted here in it: the one before, if anything was.
    before: AtomicU64,
    /// Window and requests asked for here in it beyond those admitted, so that an admitted one costs
    /// one write; of leases, all that were asked for.
    unmet: AtomicU64,
    /// Which limit, and the amount that applies.
    terms: AtomicU64,
    /// The line; its last word has a sequence number that is odd while the control thread writes.
    line_base: AtomicU64,
    line_slope: AtomicU64,
    line_roll: AtomicU64,
    /// Of a bucket, which needs no such thing: when it will be full, in nanoseconds of this
    /// process's monotonic clock. Cores move it on, and so does the control thread.
    line_before: AtomicU64,
}

const fn pack(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

#[inline]
const fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// The last word of a line, with the sequence number that is odd while it is written.
const fn pack_roll(roll: u32, share: Share, sequence: u16) -> u64 {
    pack(roll, (share.0 as u32) << 16 | sequence as u32)
}

const fn unpack_roll(word: u64) -> (u32, Share, u16) {
    let (roll, rest) = unpack(word);
    (roll, Share((rest >> 16) as u16), rest as u16)
}

/// The count in `window`, given a word that may hold an earlier one.
#[inline]
const fn count_in(word: u64, window: WindowIx) -> u32 {
    let (held, count) = unpack(word);
    if held == window.0 { count } else { 0 }
}

impl Slot {
    /// What was counted here in `window`.
    pub(crate) fn own(&self, window: WindowIx) -> Count {
        // In this order: what `meet` moves from the one word to the other is missed by no one.
        let unmet = count_in(self.unmet.load(SeqCst), window);
        let admitted = count_in(self.admitted.load(SeqCst), window);
        Count {
            admitted,
            offered: admitted.saturating_add(unmet),
        }
    }

    /// What was admitted here in the window before `window`.
    #[inline]
    pub(crate) fn own_before(&self, window: WindowIx) -> u32 {
        let before = window.previous();
        // Read in the order opposite to that of `admit`: what leaves the one word is in the other
        // already.
        let current = count_in(self.admitted.load(SeqCst), before);
        current.max(count_in(self.before.load(SeqCst), before))
    }

    /// The newest window that anything was counted in here.
    pub(crate) fn own_window(&self) -> WindowIx {
        let (unmet, admitted) = (self.unmet.load(SeqCst), self.admitted.load(SeqCst));
        WindowIx(unpack(unmet.max(admitted)).0)
    }

    /// Counts `cost` as asked for and not admitted, or not yet.
    pub(crate) fn ask(&self, window: WindowIx, cost: u32) {
        let count = |word| {
            // A core whose clock reading is older than another's must not open a window again that
            // was left behind.
            let window = WindowIx(unpack(word).0.max(window.0));
            pack(window.0, count_in(word, window).saturating_add(cost))
        };
        let counted = self
            .unmet
            .fetch_update(SeqCst, SeqCst, |word| Some(count(word)));
        debug_assert!(counted.is_ok(), "there is always a next count");
    }

    /// What was [asked](Self::ask) for earlier has been admitted.
    pub(crate) fn meet(&self, window: WindowIx, cost: u32) {
        let met = self.unmet.fetch_update(SeqCst, SeqCst, |word| {
            let (held, count) = unpack(word);
            (held == window.0).then(|| pack(held, count.saturating_sub(cost)))
        });
        // Asked for in a window that is over, it was not met there.
        debug_assert!(met.is_ok() || unpack(self.unmet.load(SeqCst)).0 != window.0);
    }

    /// Counts `cost` as admitted if, after it, own admissions in `window` stay within `room`.
    /// Returns the count before.
    #[inline]
    pub(crate) fn admit(&self, window: WindowIx, cost: u32, room: u32) -> Result<u32, u32> {
        self.keep(self.admitted.load(SeqCst), window);
        let admitted = self.admitted.fetch_update(SeqCst, SeqCst, |word| {
            let after = count_in(word, window)
                .checked_add(cost)
                .filter(|after| *after <= room)?;
            (unpack(word).0 <= window.0).then(|| pack(window.0, after))
        });
        match admitted {
            Ok(word) => {
                // Another core may have counted in the old window since we kept it.
                self.keep(word, window);
                Ok(count_in(word, window))
            }
            Err(word) => Err(count_in(word, window)),
        }
    }

    /// Remembers what an older window came to, before `window` takes its place.
    #[inline]
    fn keep(&self, word: u64, window: WindowIx) {
        if unpack(word).0 < window.0 && word != 0 {
            // A later window is a larger word, and so is a larger count in the same.
            self.before.fetch_max(word, SeqCst);
        }
    }

    /// Counts `cost` as admitted, whether or not there is room.
    pub(crate) fn charge(&self, window: WindowIx, cost: u32) {
        let charged = self.admit(window, cost, u32::MAX);
        // An older window than the one that is being counted: it is over, here at least.
        debug_assert!(charged.is_ok() || unpack(self.admitted.load(SeqCst)).0 > window.0);
    }

    /// Counts `cost` as admitted in the window before `window`.
    pub(crate) fn charge_before(&self, window: WindowIx, cost: u32) {
        let before = window.previous();
        if cost == 0 || self.admitted_in_older(before) && self.admit(before, cost, u32::MAX).is_ok()
        {
            return;
        }
        let more = |word| {
            let count = count_in(word, before).saturating_add(cost);
            (unpack(word).0 <= before.0).then(|| pack(before.0, count))
        };
        let charged = self.before.fetch_update(SeqCst, SeqCst, more);
        debug_assert!(charged.is_ok() || unpack(self.before.load(SeqCst)).0 > before.0);
    }

    /// Whether the last admission here was in `window` or earlier.
    fn admitted_in_older(&self, window: WindowIx) -> bool {
        unpack(self.admitted.load(SeqCst)).0 <= window.0
    }

    /// Gives back what [`admit`](Self::admit) took, because another limit refused the request.
    pub(crate) fn give_back(&self, window: WindowIx, cost: u32) {
        let given_back = self.admitted.fetch_update(SeqCst, SeqCst, |word| {
            let (held, count) = unpack(word);
            (held == window.0).then(|| pack(held, count.saturating_sub(cost)))
        });
        // In a window that has begun meanwhile, nothing of it is left to give back.
        debug_assert!(given_back.is_ok() || unpack(self.admitted.load(SeqCst)).0 != window.0);
    }

    /// Leases held here.
    pub(crate) fn held(&self) -> u32 {
        unpack(self.admitted.load(SeqCst)).1
    }

    /// Takes `cost` leases if, after it, no more than `room` are held here. Returns how many were
    /// before.
    pub(crate) fn enter(&self, cost: u32, room: u32) -> Result<u32, u32> {
        let more = |word| {
            let after = unpack(word).1.checked_add(cost)?;
            (after <= room).then(|| pack(0, after))
        };
        let entered = self.admitted.fetch_update(SeqCst, SeqCst, more);
        entered
            .map(|word| unpack(word).1)
            .map_err(|word| unpack(word).1)
    }

    /// Gives `cost` leases back.
    pub(crate) fn leave(&self, cost: u32) {
        let less = |word| Some(pack(0, unpack(word).1.saturating_sub(cost)));
        let left = self.admitted.fetch_update(SeqCst, SeqCst, less);
        debug_assert!(left.is_ok(), "there is always a number below");
    }

    /// Tokens in a bucket.
    pub(crate) fn level(&self, bucket: Bucket, now: Mono) -> u32 {
        bucket.level(self.line_before.load(SeqCst), now)
    }

    /// Takes `cost` tokens if `kept` more are there. Returns how many were.
    pub(crate) fn drain(
        &self,
        bucket: Bucket,
        now: Mono,
        cost: u32,
        kept: u32,
    ) -> Result<u32, u32> {
        let take = |full_at| {
            let needed = cost.saturating_add(kept);
            (bucket.level(full_at, now) >= needed).then(|| bucket.take(full_at, now, cost))
        };
        let drained = self.line_before.fetch_update(SeqCst, SeqCst, take);
        let level = |full_at| bucket.level(full_at, now);
        drained.map(level).map_err(level)
    }

    /// Takes `tokens` that were taken elsewhere at `at`, whether or not they are there.
    pub(crate) fn spill(&self, bucket: Bucket, at: Mono, tokens: u32, now: Mono) {
        let take = |full_at| Some(bucket.take(full_at, at, tokens).min(bucket.latest(now)));
        let spilt = self.line_before.fetch_update(SeqCst, SeqCst, take);
        debug_assert!(spilt.is_ok(), "tokens can always be owed");
    }

    /// Puts `tokens` back.
    pub(crate) fn refill(&self, bucket: Bucket, tokens: u32) {
        let put = |full_at: u64| Some(full_at.saturating_sub(bucket.nanos_for(tokens)));
        let refilled = self.line_before.fetch_update(SeqCst, SeqCst, put);
        debug_assert!(refilled.is_ok(), "a full bucket runs over");
    }

    /// Which limit this is a subject of, and the amount last used; zero if no request was decided
    /// here yet.
    pub(crate) fn terms(&self) -> (LimitIx, u32) {
        let (limit, amount) = unpack(self.terms.load(Acquire));
        (LimitIx(limit as u16), amount)
    }

    /// Sets which limit and amount. Returns whether that was news.
    #[inline]
    pub(crate) fn set_terms(&self, limit: LimitIx, amount: u32) -> bool {
        let word = pack(u32::from(limit.0), amount);
        if self.terms.load(Relaxed) == word {
            return false;
        }
        self.terms.swap(word, Release) != word
    }

    /// What others have done and are doing.
    #[inline]
    pub(crate) fn line(&self) -> Line {
        loop {
            let started = self.line_roll.load(Acquire);
            let (base, slope) = (self.line_base.load(Acquire), self.line_slope.load(Acquire));
            let before = self.line_before.load(Acquire);
            let ended = self.line_roll.load(SeqCst);
            let (roll, share, sequence) = unpack_roll(ended);
            if started == ended && sequence.is_multiple_of(2) {
                let (window, base) = unpack(base);
                let (from_ms, slope) = unpack(slope);
                let (own, before) = unpack(before);
                return Line {
                    window: WindowIx(window),
                    base,
                    from_ms,
                    slope: f32::from_bits(slope),
                    roll,
                    share,
                    own,
                    before,
                };
            }
            std::hint::spin_loop();
        }
    }

    /// Replaces the line. Only one thread may do so.
    pub(crate) fn set_line(&self, line: Line) {
        self.draw(line, |slot| {
            slot.line_before.store(pack(line.own, line.before), Release);
        });
    }

    /// Replaces the line of a bucket, which keeps its level.
    pub(crate) fn set_bucket_line(&self, line: Line) {
        self.draw(line, |_| {});
    }

    fn draw(&self, line: Line, before: impl FnOnce(&Self)) {
        let (roll, share, sequence) = unpack_roll(self.line_roll.load(Relaxed));
        let writing = pack_roll(roll, share, sequence.wrapping_add(1));
        self.line_roll.store(writing, SeqCst);
        self.line_base
            .store(pack(line.window.0, line.base), Release);
        self.line_slope
            .store(pack(line.from_ms, line.slope.to_bits()), Release);
        before(self);
        let written = pack_roll(line.roll, line.share, sequence.wrapping_add(2));
        self.line_roll.store(written, SeqCst);
    }

    /// Forgets everything, before the slot serves another subject.
    pub(crate) fn clear(&self) {
        for word in [&self.admitted, &self.before, &self.unmet, &self.terms] {
            word.store(0, SeqCst);
        }
        self.set_line(Line::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_takes_a_cache_line_and_its_key() {
        assert_eq!(size_of::<Slot>(), 64);
        assert_eq!(size_of::<crate::SubjectKey>(), 8);
    }

    #[test]
    fn a_window_starts_from_nothing_and_never_opens_again() {
        let slot = Slot::default();
        assert_eq!(slot.admit(WindowIx(7), 1, 2), Ok(0));
        assert_eq!(slot.admit(WindowIx(7), 1, 2), Ok(1));
        assert_eq!(slot.admit(WindowIx(7), 1, 2), Err(2), "full");
        assert_eq!(slot.admit(WindowIx(8), 1, 2), Ok(0), "the next window");
        assert_eq!(
            slot.admit(WindowIx(7), 1, 2),
            Err(0),
            "a core that lags cannot open the old one again"
        );
        slot.ask(WindowIx(8), 5);
        slot.ask(WindowIx(7), 1);
        slot.meet(WindowIx(8), 2);
        slot.meet(WindowIx(7), 1);
        assert_eq!(
            slot.own(WindowIx(8)),
            Count {
                admitted: 1,
                offered: 1 + 5 + 1 - 2
            }
        );
    }

    #[test]
    fn the_window_before_is_remembered() {
        let slot = Slot::default();
        slot.admit(WindowIx(7), 3, 9).expect("room");
        assert_eq!(slot.own_before(WindowIx(7)), 0);
        assert_eq!(slot.own_before(WindowIx(8)), 3, "nothing came in 8 so far");
        slot.admit(WindowIx(8), 1, 9).expect("room");
        assert_eq!(slot.own_before(WindowIx(8)), 3);
        assert_eq!(slot.own_before(WindowIx(9)), 1);
        slot.admit(WindowIx(12), 1, 9).expect("room");
        assert_eq!(slot.own_before(WindowIx(12)), 0, "8 is long over");
    }

    #[test]
    fn what_is_given_back_is_free_again() {
        let slot = Slot::default();
        assert_eq!(slot.admit(WindowIx(7), 3, 3), Ok(0));
        slot.give_back(WindowIx(8), 3);
        assert_eq!(slot.admit(WindowIx(7), 1, 3), Err(3), "another window's");
        slot.give_back(WindowIx(7), 3);
        assert_eq!(slot.admit(WindowIx(7), 3, 3), Ok(0));
    }

    #[test]
    fn a_line_is_read_whole_while_it_is_rewritten() {
        let slot = Slot::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 1..20_000 {
                    slot.set_line(Line {
                        window: WindowIx(i),
                        base: i,
                        from_ms: i,
                        slope: i as f32,
                        roll: i,
                        share: Share(i as u16),
                        own: i,
                        before: i,
                    });
                }
            });
            for _ in 0..20_000 {
                let line = slot.line();
                let i = line.base;
                assert_eq!(
                    line,
                    Line {
                        window: WindowIx(i),
                        base: i,
                        from_ms: i,
                        slope: i as f32,
                        roll: i,
                        share: Share(i as u16),
                        own: i,
                        before: i,
                    }
                );
            }
        });
    }
}
