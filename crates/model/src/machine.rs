//! The four verbs that every state machine of ours speaks.

use crate::{Mono, Now};

/// A piece of pure logic with one owner, which reacts to inputs and to the passing of time.
///
/// The owner calls [`handle`](Machine::handle) for each input and [`wake`](Machine::wake) once the
/// clock has reached [`next_wake`](Machine::next_wake); after either it drains
/// [`poll`](Machine::poll) until `None`. Waking early or late is harmless. `runtime` drives
/// machines with tokio, `sim` with a heap of events: the machine cannot tell.
pub trait Machine {
    /// What may happen to it.
    type Input;
    /// What it wants done.
    type Output;

    /// Something happened.
    fn handle(&mut self, now: Now, input: Self::Input);

    /// Time has passed.
    fn wake(&mut self, now: Now);

    /// When it next wants to be woken, if at all.
    fn next_wake(&self) -> Option<Mono>;

    /// The next thing it wants done, in order.
    fn poll(&mut self) -> Option<Self::Output>;
}
