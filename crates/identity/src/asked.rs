//! What a method was told when it asked somebody, for a while.
//!
//! Methods that cannot judge a credential by themselves ask: an issuer, a file of passwords, an
//! authorizer. What was said holds for a time, and may be used for some more while nobody answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tidegate_model::Wall;

use crate::digest_cache::{Digest, DigestCache};
use crate::{Denied, Finding, Verified};

/// What was said of a credential.
pub type Said = Result<Arc<Verified>, Denied>;

/// How asking may end, as counted.
pub const ASKED: [&str; 6] = ["cached", "good", "bad", "failed", "full", "stale"];

/// How asking ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskedOutcome {
    /// It was known already.
    Cached,
    /// The credential is good.
    Good,
    /// It is not.
    Bad,
    /// Nobody answered, or not in a way that can be used.
    Failed,
    /// As many asked as may.
    Full,
    /// Nobody answered, and what was said before was used.
    Stale,
}

/// How often asking ended in each way.
pub type AskedCounts = Arc<[AtomicU64; ASKED.len()]>;

/// Answers by the digest of what was asked.
#[derive(Debug)]
pub struct Answers {
    cache: DigestCache<Answer>,
    counts: AskedCounts,
}

#[derive(Clone, Debug)]
struct Answer {
    said: Said,
    fresh_until: u64,
    stale_until: u64,
}

/// For how many seconds an answer is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// Without asking again.
    pub fresh: u64,
    /// And after that while nobody answers, if it was a yes.
    pub stale: u64,
}

impl Answers {
    /// So many answers at most. Counts may go on from another life.
    #[must_use]
    pub fn new(entries_max: usize, counts: AskedCounts) -> Self {
        Self {
            cache: DigestCache::new(entries_max),
            counts,
        }
    }

    /// What was said, while it is fresh.
    #[must_use]
    pub fn fresh(&self, digest: &Digest, now: Wall) -> Option<Finding> {
        let now = now.unix_secs();
        // It stays while it may serve as a stale one.
        let of_use = |answer: &Answer| now < answer.stale_until.max(answer.fresh_until);
        let answer = self.cache.get(digest, of_use)?;
        if now >= answer.fresh_until {
            return None;
        }
        self.count(AskedOutcome::Cached);
        Some(match answer.said {
            Ok(caller) => Finding::Verified(caller),
            Err(why) => Finding::Denied(why),
        })
    }

    /// Who it was when somebody answered last, if that may still be used.
    #[must_use]
    pub fn stale(&self, digest: &Digest, now: Wall) -> Option<Arc<Verified>> {
        let now = now.unix_secs();
        let answer = self.cache.get(digest, |answer| now < answer.stale_until)?;
        answer.said.ok()
    }

    /// Remembers what was said, never for longer than the credential holds.
    pub fn remember(&self, digest: Digest, said: &Said, keep: Keep, now: Wall) {
        let stale = if said.is_ok() { keep.stale } else { 0 };
        if keep.fresh == 0 && stale == 0 {
            return;
        }
        let over = said
            .as_ref()
            .ok()
            .and_then(|caller| caller.expires_unix_secs);
        let over = over.unwrap_or(u64::MAX);
        let until = |secs: u64| now.unix_secs().saturating_add(secs).min(over);
        let answer = Answer {
            said: said.clone(),
            fresh_until: until(keep.fresh),
            stale_until: until(keep.fresh.saturating_add(stale)),
        };
        self.cache.insert(digest, answer);
    }

    /// Counts how asking ended.
    pub fn count(&self, outcome: AskedOutcome) {
        self.counts[outcome as usize].fetch_add(1, Relaxed);
    }

    /// Each way to end, and how often it came.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        ASKED.into_iter().zip(counts)
    }

    /// The counters, for another life.
    #[must_use]
    pub fn counters(&self) -> AskedCounts {
        Arc::clone(&self.counts)
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Digest = [1; 32];
    const KEEP: Keep = Keep {
        fresh: 10,
        stale: 5,
    };

    fn at(secs: u64) -> Wall {
        Wall::from_unix_secs(secs)
    }

    fn answers() -> Answers {
        Answers::new(100, Arc::default())
    }

    fn ada(expires: Option<u64>) -> Said {
        Ok(Arc::new(Verified {
            account: "ada".to_owned(),
            expires_unix_secs: expires,
            ..Verified::default()
        }))
    }

    #[test]
    fn an_answer_holds_for_its_time_and_longer_only_if_nobody_answers() {
        let answers = answers();
        answers.remember(KEY, &ada(None), KEEP, at(100));
        for (now, fresh, stale) in [
            (100, true, true),
            (109, true, true),
            (110, false, true),
            (114, false, true),
            (115, false, false),
        ] {
            assert_eq!(answers.fresh(&KEY, at(now)).is_some(), fresh, "{now}");
            assert_eq!(answers.stale(&KEY, at(now)).is_some(), stale, "{now}");
        }
        assert_eq!(answers.len(), 0);
    }

    #[test]
    fn no_answer_outlives_the_credential() {
        let answers = answers();
        answers.remember(KEY, &ada(Some(103)), KEEP, at(100));
        assert!(answers.fresh(&KEY, at(102)).is_some());
        assert!(answers.fresh(&KEY, at(103)).is_none());
        assert!(answers.stale(&KEY, at(103)).is_none());
    }

    #[test]
    fn a_no_holds_for_its_time_and_never_as_a_stale_yes() {
        let answers = answers();
        answers.remember(KEY, &Err(Denied::Unknown), KEEP, at(100));
        let said = answers.fresh(&KEY, at(109));
        assert!(matches!(said, Some(Finding::Denied(Denied::Unknown))));
        assert!(answers.stale(&KEY, at(109)).is_none());
        assert!(answers.fresh(&KEY, at(110)).is_none());
        let never = Keep { fresh: 0, stale: 0 };
        answers.remember([2; 32], &ada(None), never, at(100));
        assert!(answers.fresh(&[2; 32], at(100)).is_none() && answers.is_empty());
    }
}
