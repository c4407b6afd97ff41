//! What only few subjects have: it takes memory once it is used.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

#[derive(Debug, Default)]
pub(super) struct Rare<T>(OnceLock<Box<T>>);

impl<T: Default> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.get_or_init(Box::default)
    }
}

impl<T: Default> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_init(Box::default);
        self.0.get_mut().expect("made just above")
    }
}
