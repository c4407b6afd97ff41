//! What the console and the command line show live: the world as this node sees it, once a second.
//!
//! What has changed is written down whether somebody looks or not, because people come to look
//! after something has happened. Figures are taken only while somebody listens. Listeners are few,
//! and one that does not read misses frames and is let go in the end: nobody waits for it.

mod document;
mod journal;
mod rates;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tidegate_runtime::Phase;
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

pub(crate) use document::WorldDocument;
pub(crate) use journal::Journal;

use crate::services::Services;
use rates::Sample;

/// Who may listen at a time.
pub(crate) const LISTENERS_MAX: usize = 16;
/// How often it is looked at what has changed, and after how many such looks figures are taken.
const EVERY: Duration = Duration::from_millis(250);
const LOOKS: u32 = 4;
/// Over what the first figures are taken for somebody who has just come.
const FIRST: Duration = Duration::from_secs(1);
/// Frames that wait for a listener, and how many it may miss in a row.
const FRAMES: usize = 2;
const MISSED_MAX: u32 = 30;

/// Who listens.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    listeners: Mutex<Vec<Listener>>,
    joined: Notify,
    turned_away: tidegate_telemetry::Cell,
}

#[derive(Debug)]
struct Listener {
    frames: Sender<Bytes>,
    missed: u32,
}

impl Watch {
    /// Frames from now on; nothing if as many listen as may.
    pub(crate) fn join(&self) -> Option<Receiver<Bytes>> {
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.frames.is_closed());
        if listeners.len() >= LISTENERS_MAX {
            self.turned_away.add(1);
            return None;
        }
        let (frames, receiver) = channel(FRAMES);
        listeners.push(Listener { frames, missed: 0 });
        self.joined.notify_one();
        Some(receiver)
    }

    /// How many listen, and how many were turned away.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.frames.is_closed());
        (listeners.len(), self.turned_away.get())
    }

    fn publish(&self, frame: &Bytes) {
        self.lock()
            .retain_mut(|listener| match listener.frames.try_send(frame.clone()) {
                Ok(()) => {
                    listener.missed = 0;
                    true
                }
                Err(TrySendError::Full(_)) => {
                    listener.missed += 1;
                    listener.missed <= MISSED_MAX
                }
                Err(TrySendError::Closed(_)) => false,
            });
    }

    fn end(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the world until the process ends.
pub(crate) async fn watch_forever(services: Arc<Services>) {
    let watch = &services.watch;
    let mut journal = Journal::default();
    let mut before: Option<Sample> = None;
    let mut looks = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = watch.joined.notified() => looks = LOOKS,
        }
        if services.stop.watch().phase() >= Phase::Closing {
            watch.end();
        }
        let Some(seen) = document::look(&services).await else {
            continue;
        };
        journal.see(&seen, services.clock.now().wall);
        looks += 1;
        if watch.counts().0 == 0 {
            before = None;
        }
        if looks < LOOKS || watch.counts().0 == 0 {
            continue;
        }
        looks = 0;
        if before.is_none() {
            before = Some(Sample::take(&services).await);
            tokio::time::sleep(FIRST).await;
        }
        let now = Sample::take(&services).await;
        let rates = before
            .as_ref()
            .map(|before| now.since(before))
            .unwrap_or_default();
        before = Some(now);
        let Some(world) = document::document(&services, rates, &journal).await else {
            continue;
        };
        match serde_json::to_string(&world) {
            Ok(text) => watch.publish(&Bytes::from(format!("data: {text}\n\n"))),
            Err(error) => tracing::error!(%error, "The world cannot be told."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_few_and_those_who_do_not_read_are_let_go() {
        let watch = Watch::default();
        let mut all: Vec<_> = (0..LISTENERS_MAX).map(|_| watch.join().unwrap()).collect();
        assert!(watch.join().is_none());
        assert_eq!(watch.counts(), (LISTENERS_MAX, 1));
        all.truncate(1);
        assert_eq!(watch.counts().0, 1, "who has left makes room");
        let mut reader = watch.join().unwrap();
        let frame = Bytes::from_static(b"data: {}\n\n");
        for _ in 0..MISSED_MAX + FRAMES as u32 + 1 {
            watch.publish(&frame);
            assert_eq!(reader.try_recv().unwrap(), frame);
        }
        assert_eq!(watch.counts().0, 1, "the other did not read");
    }
}
