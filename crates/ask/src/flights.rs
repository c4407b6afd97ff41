//! Errands under way: one for all who wait for the same answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_identity::Digest;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Waiting<V> = HashMap<Digest, Vec<oneshot::Sender<V>>>;

/// Errands under way, by what they are about.
#[derive(Debug)]
pub(crate) struct Flights<V> {
    under_way: Arc<Mutex<Waiting<V>>>,
    max: usize,
    /// Where they run.
    control: Handle,
}

/// Takes an errand off the list, however it ends: if it panics, those who wait are told nothing
/// rather than left waiting.
struct Landing<V> {
    under_way: Arc<Mutex<Waiting<V>>>,
    digest: Digest,
}

impl<V> Landing<V> {
    fn land(&self) -> Vec<oneshot::Sender<V>> {
        lock(&self.under_way)
            .remove(&self.digest)
            .unwrap_or_default()
    }
}

impl<V> Drop for Landing<V> {
    fn drop(&mut self) {
        drop(self.land());
    }
}

fn lock<V>(waiting: &Mutex<Waiting<V>>) -> MutexGuard<'_, Waiting<V>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// There are as many errands under way as may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

impl<V: Clone + Send + 'static> Flights<V> {
    pub(crate) fn new(max: usize, control: Handle) -> Self {
        Self {
            under_way: Arc::default(),
            max,
            control,
        }
    }

    /// Waits for the errand about this, which is started if nobody has. `None` if it came to
    /// nothing.
    pub(crate) async fn join<F>(
        &self,
        digest: Digest,
        errand: impl FnOnce() -> F,
    ) -> Result<Option<V>, Full>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        {
            let mut under_way = lock(&self.under_way);
            let full = under_way.len() >= self.max;
            match under_way.get_mut(&digest) {
                Some(waiting) => waiting.push(sender),
                None if full => return Err(Full),
                None => {
                    under_way.insert(digest, vec![sender]);
                    let landing = Landing {
                        under_way: Arc::clone(&self.under_way),
                        digest,
                    };
                    let errand = errand();
                    self.control.spawn(async move {
                        let answer = errand.await;
                        for sender in landing.land() {
                            // Whoever asked may have gone.
                            let _gone = sender.send(answer.clone());
                        }
                    });
                }
            }
        }
        Ok(receiver.await.ok())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn many_who_ask_the_same_send_one_and_others_beyond_the_limit_none() {
        let flights = Arc::new(Flights::new(1, Handle::current()));
        let sent = Arc::new(AtomicUsize::new(0));
        let (open, gate) = tokio::sync::watch::channel(false);
        let ask = |digest: u8| {
            let (flights, sent, mut gate) = (Arc::clone(&flights), Arc::clone(&sent), gate.clone());
            tokio::spawn(async move {
                let errand = || async move {
                    sent.fetch_add(1, SeqCst);
                    gate.wait_for(|open| *open)
                        .await
                        .map(|_| digest)
                        .unwrap_or_default()
                };
                flights.join([digest; 32], errand).await
            })
        };
        let first: Vec<_> = (0..20).map(|_| ask(7)).collect();
        while sent.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(8).await.unwrap(), Err(Full));
        open.send_replace(true);
        for answer in first {
            assert_eq!(answer.await.unwrap(), Ok(Some(7)));
        }
        // Who came after the first had landed has sent one more.
        assert!(sent.load(SeqCst) <= 20);
        assert_eq!(ask(8).await.unwrap(), Ok(Some(8)), "there is room again");
    }

    #[tokio::test]
    async fn an_errand_that_panics_leaves_nobody_waiting() {
        let flights: Flights<()> = Flights::new(1, Handle::current());
        let broken = flights
            .join([1; 32], || async { panic!("on purpose") })
            .await;
        assert_eq!(broken, Ok(None));
        assert_eq!(flights.join([1; 32], || async {}).await, Ok(Some(())));
    }
}
