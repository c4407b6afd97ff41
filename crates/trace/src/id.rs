//! Names of traces and spans. Neither is ever zero.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// A trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TraceId(NonZeroU128);

/// A span of a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// `None` for zero, which is no trace.
    #[must_use]
    pub fn new(id: u128) -> Option<Self> {
        NonZeroU128::new(id).map(Self)
    }

    /// A trace of random bits.
    #[must_use]
    pub fn random(high: u64, low: u64) -> Self {
        let id = u128::from(high) << 64 | u128::from(low);
        Self(NonZeroU128::new(id).unwrap_or(NonZeroU128::MIN))
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0.get()
    }

    /// As hexadecimal digits of a header say.
    pub(crate) fn parse(text: &str, digits: usize) -> Option<Self> {
        Self::new(lower_hex(text, digits)?)
    }
}

impl SpanId {
    /// `None` for zero, which is no span.
    #[must_use]
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }

    /// A span of random bits.
    #[must_use]
    pub fn random(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::new(u64::try_from(lower_hex(text, 16)?).ok()?)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// So many digits, lower case, as all formats of traces have them.
pub(crate) fn lower_hex(text: &str, digits: usize) -> Option<u128> {
    let all = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == digits && all).then(|| u128::from_str_radix(text, 16).ok())?
}
