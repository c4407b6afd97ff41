//! Runs a machine with tokio: inputs from a bounded queue, wake-ups from a timer, outputs to a
//! function.

use std::fmt;

use tidegate_model::{Machine, Now};
use tokio::sync::{mpsc, oneshot};

use crate::Clock;

/// Inputs that wait at most.
const QUEUE: usize = 8_192;

enum Command<M: Machine> {
    Input(M::Input),
    Look(Look<M>),
}

/// A look at the machine between two inputs.
type Look<M> = Box<dyn FnOnce(&M, Now) + Send>;

/// Sends inputs to a machine that runs elsewhere.
pub struct Handle<M: Machine> {
    queue: mpsc::Sender<Command<M>>,
}

/// The other end of a [`Handle`], for [`drive`].
pub struct Inbox<M: Machine> {
    queue: mpsc::Receiver<Command<M>>,
}

/// A queue of inputs: hand the inbox to [`drive`].
#[must_use]
pub fn mailbox<M: Machine>() -> (Handle<M>, Inbox<M>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Handle { queue: sender }, Inbox { queue: receiver })
}

impl<M: Machine> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<M: Machine> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("room", &self.queue.capacity())
            .finish()
    }
}

impl<M: Machine> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl<M: Machine> Handle<M> {
    /// Queues an input if there is room. Returns whether there was: for what may be lost.
    pub fn offer(&self, input: M::Input) -> bool {
        self.queue.try_send(Command::Input(input)).is_ok()
    }

    /// Queues an input, waiting for room. Returns whether the machine still runs.
    pub async fn send(&self, input: M::Input) -> bool {
        self.queue.send(Command::Input(input)).await.is_ok()
    }

    /// Looks at the machine between two inputs; `None` if it no longer runs.
    pub async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&M, Now) -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = oneshot::channel();
        let look = Box::new(move |machine: &M, now: Now| {
            // Whoever asked may have given up meanwhile.
            let _gone = sender.send(look(machine, now));
        });
        self.queue.send(Command::Look(look)).await.ok()?;
        receiver.await.ok()
    }
}

/// Runs a machine until all its handles are gone.
pub async fn drive<M: Machine>(
    mut machine: M,
    mut inbox: Inbox<M>,
    clock: Clock,
    mut act: impl FnMut(M::Output),
) {
    loop {
        let due = machine.next_wake().map(|at| clock.instant(at));
        let command = tokio::select! {
            biased;
            command = inbox.queue.recv() => match command {
                Some(command) => Some(command),
                None => return,
            },
            () = sleep_until(due) => None,
        };
        let now = clock.now();
        match command {
            Some(Command::Input(input)) => machine.handle(now, input),
            Some(Command::Look(look)) => look(&machine, now),
            None => machine.wake(now),
        }
        // Inputs come first, but a flood of them must not put off what is due.
        if machine.next_wake().is_some_and(|at| at <= now.mono) {
            machine.wake(now);
        }
        while let Some(output) = machine.poll() {
            act(output);
        }
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_model::Mono;

    use super::*;

    /// Repeats each number a while after it came.
    #[derive(Default)]
    struct Echo {
        due: Option<(Mono, u32)>,
        out: Vec<u32>,
    }

    impl Machine for Echo {
        type Input = u32;
        type Output = u32;

        fn handle(&mut self, now: Now, input: u32) {
            self.due = Some((now.mono + Duration::from_millis(5), input));
        }

        fn wake(&mut self, now: Now) {
            if let Some((at, number)) = self.due
                && now.mono >= at
            {
                self.due = None;
                self.out.push(number);
            }
        }

        fn next_wake(&self) -> Option<Mono> {
            self.due.map(|(at, _)| at)
        }

        fn poll(&mut self) -> Option<u32> {
            self.out.pop()
        }
    }

    #[tokio::test]
    async fn a_machine_is_fed_woken_and_looked_at() {
        let (handle, inbox) = mailbox::<Echo>();
        let (sender, mut outputs) = mpsc::channel(8);
        let act = move |n| sender.try_send(n).expect("room");
        let running = tokio::spawn(drive(Echo::default(), inbox, Clock::start(), act));
        assert!(handle.send(7).await);
        assert_eq!(
            handle.look(|echo, _| echo.due.map(|(_, n)| n)).await,
            Some(Some(7))
        );
        assert_eq!(outputs.recv().await, Some(7));
        drop(handle);
        running.await.expect("ends when nobody is left to feed it");
    }
}
