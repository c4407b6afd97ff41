//! The store: who is asked, for how long, and what happens while nobody answers.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use redis::{RedisResult, Script};
use tidegate_limit::{Answer, Question};
use tidegate_telemetry::Metrics;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::connect::{Link, Target};
use crate::health::Health;
use crate::script::{Names, Said, Verb, answers, call, script};

/// In a cluster, keys that are written to find out whether all of its nodes are well: enough that
/// each of a few nodes most likely has one.
const PROBES_IN_CLUSTER: usize = 16;

/// Places among the outcomes that are counted.
const ANSWERED: usize = 0;
const FAILED: usize = 1;
const TIMED_OUT: usize = 2;
const FULL: usize = 3;

/// What Redis decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// One answer for each question; fewer in a cluster if one refused.
    pub answers: Vec<Answer>,
    /// Whether no limit refused, and the costs that fit were taken.
    pub admitted: bool,
}

/// Redis was not asked, or did not answer in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unasked;

/// A Redis that counts limits. It connects, and finds out whether it is well, in the background,
/// until it is dropped.
pub struct Store {
    target: Target,
    names: Names,
    script: Script,
    links: ArcSwap<Vec<Link>>,
    turn: AtomicUsize,
    permits: Semaphore,
    health: Mutex<Health>,
    went_down: Notify,
    metrics: Arc<Metrics>,
    /// Where connections live.
    runtime: Handle,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("target", &self.target)
            .field("up", &self.is_up())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// A store that connects in the background, on `runtime`. Until it has, nothing is asked.
    #[must_use]
    pub fn start(
        target: Target,
        region: &str,
        metrics: Arc<Metrics>,
        runtime: Handle,
    ) -> Arc<Self> {
        let store = Arc::new(Self {
            names: Names {
                prefix: target.spec.prefix.clone(),
                region: region.to_owned(),
            },
            script: script(),
            links: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            permits: Semaphore::new(target.spec.in_flight_max.get() as usize),
            health: Mutex::default(),
            went_down: Notify::new(),
            metrics,
            runtime: runtime.clone(),
            target,
        });
        runtime.spawn(watch(Arc::downgrade(&store)));
        store
    }

    /// Whether it is the store that `target` describes.
    #[must_use]
    pub fn is_for(&self, target: &Target) -> bool {
        self.target.same(target)
    }

    /// Whether it is asked at the moment.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.health().is_up()
    }

    /// Commands that wait for an answer, and how many may.
    #[must_use]
    pub fn in_flight(&self) -> (usize, usize) {
        let most = self.target.spec.in_flight_max.get() as usize;
        (most - self.permits.available_permits(), most)
    }

    /// Takes the costs of one request, from all of its limits or from none.
    ///
    /// # Errors
    /// [`Unasked`]. A command that was late may have been counted all the same.
    pub async fn take(self: &Arc<Self>, questions: &[Question]) -> Result<Taken, Unasked> {
        // The keys of one script lie on one node of a cluster, or it is refused.
        let at_once = match self.target.spec.cluster {
            true => 1,
            false => questions.len().max(1),
        };
        let mut taken = Taken {
            answers: Vec::with_capacity(questions.len()),
            admitted: true,
        };
        for some in questions.chunks(at_once) {
            let said = self.command(Verb::Take, some).await;
            match said {
                Ok(said) => taken.answers.extend(said),
                Err(Unasked) => {
                    self.give_back(questions, &taken.answers);
                    return Err(Unasked);
                }
            }
            let refused =
                |(question, answer): (&Question, &Answer)| !answer.fits && !question.shadow;
            taken.admitted = !questions.iter().zip(&taken.answers).any(refused);
            if !taken.admitted {
                // One script takes all or nothing; of several, the ones before have taken.
                let before = taken.answers.len() - some.len();
                self.give_back(questions, &taken.answers[..before]);
                break;
            }
        }
        Ok(taken)
    }

    /// Gives back what these answers took, in the background.
    pub fn give_back(self: &Arc<Self>, questions: &[Question], answers: &[Answer]) {
        for (question, _) in questions.iter().zip(answers).filter(|(_, a)| a.fits) {
            self.later(Verb::Give, *question);
        }
    }

    /// Counts a cost whether it fits or not, in the background.
    pub fn charge(self: &Arc<Self>, question: Question) {
        self.later(Verb::Charge, question);
    }

    fn later(self: &Arc<Self>, verb: Verb, question: Question) {
        let store = Arc::clone(self);
        // What comes of it is counted; nobody waits for it. As many wait as may be in flight.
        drop(self.runtime.spawn(async move {
            let _counted = store.command(verb, &[question]).await;
        }));
    }

    async fn command(&self, verb: Verb, questions: &[Question]) -> Result<Vec<Answer>, Unasked> {
        if !self.is_up() {
            return Err(Unasked);
        }
        let Ok(_permit) = self.permits.try_acquire() else {
            self.count(FULL);
            return Err(Unasked);
        };
        let mut link = self.link().ok_or(Unasked)?;
        let call = call(&self.script, &self.names, verb, questions);
        let said = self.timed(link.call::<Said>(&call)).await?;
        answers(&said, questions.len()).ok_or(Unasked)
    }

    /// Waits for a command no longer than it may take, and learns from it how Redis does.
    async fn timed<T>(&self, command: impl Future<Output = RedisResult<T>>) -> Result<T, Unasked> {
        let (outcome, result) = match timeout(self.target.spec.command_timeout.get(), command).await
        {
            Ok(Ok(value)) => (ANSWERED, Ok(value)),
            Ok(Err(error)) if error.is_timeout() => (TIMED_OUT, Err(error.to_string())),
            Ok(Err(error)) => (FAILED, Err(error.to_string())),
            Err(_) => (TIMED_OUT, Err("no answer in time".to_owned())),
        };
        self.count(outcome);
        match result {
            Ok(value) => {
                self.health().answered();
                Ok(value)
            }
            Err(error) => {
                if self.health().failed() {
                    tracing::warn!(
                        error,
                        "The Redis of limits is down: it is not asked until it is back."
                    );
                    self.went_down.notify_one();
                }
                Err(Unasked)
            }
        }
    }

    fn link(&self) -> Option<Link> {
        let links = self.links.load();
        let turn = self.turn.fetch_add(1, Relaxed);
        links.get(turn.checked_rem(links.len())?).cloned()
    }

    fn count(&self, outcome: usize) {
        self.metrics.store.commands[outcome].add(1);
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New connections, all of which work.
    async fn reconnect(&self) -> RedisResult<()> {
        let mut links = Vec::new();
        for _ in 0..self.target.spec.connections.get() {
            let limit = self.target.spec.connect_timeout.get();
            let connected = timeout(limit, self.target.connect()).await;
            let mut link = connected.map_err(|_| late())??;
            self.try_out(&mut link).await?;
            links.push(link);
        }
        self.links.store(Arc::new(links));
        Ok(())
    }

    /// Writes, as limits do: one key, or some that lie on all nodes of a cluster.
    async fn try_out(&self, link: &mut Link) -> RedisResult<()> {
        let probes = match self.target.spec.cluster {
            true => PROBES_IN_CLUSTER,
            false => 1,
        };
        for probe in 0..probes {
            let key = format!("{}:probe:{probe}", self.names.prefix);
            let limit = self.target.spec.command_timeout.get();
            timeout(limit, link.write(&key))
                .await
                .map_err(|_| late())??;
        }
        Ok(())
    }
}

fn late() -> redis::RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// Connects, and asks from time to time how Redis does, until the store is gone.
async fn watch(store: Weak<Store>) {
    let mut told = false;
    loop {
        let Some(store) = store.upgrade() else { return };
        if store.is_up() {
            store.health().interval();
            if let Some(mut link) = store.link() {
                // A failure counts as one of requests does.
                let _told = store.timed(store.try_out(&mut link)).await;
            }
        } else {
            match store.reconnect().await {
                Ok(()) => {
                    store.health().recovered();
                    told = false;
                    tracing::info!("The Redis of limits answers, and decides.");
                }
                Err(error) if !told => {
                    told = true;
                    tracing::warn!(%error, "The Redis of limits cannot be used; trying again.");
                }
                Err(_) => {}
            }
        }
        let interval = store.target.spec.probe_interval.get();
        // Whoever finds it down wakes this task; so short a sleep needs no more to be dropped.
        let _woken = timeout(interval, store.went_down.notified()).await;
    }
}
