//! How a speaker fares with its daemon.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How a speaker fares with its daemon: for status and metrics. It says nothing about the node's
/// own fitness: requests are served whatever a routing daemon does.
#[derive(Debug, Default)]
pub struct Condition {
    trouble: Mutex<Option<String>>,
    failures: AtomicU64,
    corrections: AtomicU64,
}

impl Condition {
    /// What is wrong at the moment, in a sentence.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Attempts that failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How often the daemon was not as wanted and was set.
    #[must_use]
    pub fn corrections(&self) -> u64 {
        self.corrections.load(Ordering::Relaxed)
    }

    /// An attempt failed. Returns whether that is news.
    pub(crate) fn fail(&self, why: String) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut trouble = self.lock();
        let news = trouble.as_ref() != Some(&why);
        *trouble = Some(why);
        news
    }

    /// An attempt went well. Returns whether that is news.
    pub(crate) fn mend(&self) -> bool {
        self.lock().take().is_some()
    }

    pub(crate) fn corrected(&self) {
        self.corrections.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
