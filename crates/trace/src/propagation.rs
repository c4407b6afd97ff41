//! Fields that carry a trace from program to program.
//!
//! Fields of formats that are read or written say what we say afterwards; those of others pass
//! unchanged.

mod b3;
mod w3c;

use http::HeaderMap;

use crate::{Context, Parent};

/// A format of such fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `traceparent` and `tracestate` (W3C Trace Context).
    W3c,
    /// `b3`, Zipkin's single field.
    B3,
    /// `x-b3-traceid` and the like, Zipkin's several fields.
    B3Multi,
}

/// Which formats are read, in this order, and which are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Propagation {
    /// The first that holds something counts.
    pub read: Vec<Format>,
    /// All of them.
    pub write: Vec<Format>,
}

impl Default for Propagation {
    fn default() -> Self {
        Self {
            read: vec![Format::W3c],
            write: vec![Format::W3c],
        }
    }
}

impl Format {
    /// What is said in this format.
    #[must_use]
    pub fn read(self, headers: &HeaderMap) -> Option<Parent> {
        match self {
            Self::W3c => w3c::read(headers),
            Self::B3 => b3::read(headers),
            Self::B3Multi => b3::read_multi(headers),
        }
    }

    fn clear(self, headers: &mut HeaderMap) {
        match self {
            Self::W3c => w3c::clear(headers),
            Self::B3 => b3::clear(headers),
            Self::B3Multi => b3::clear_multi(headers),
        }
    }

    fn write(self, headers: &mut HeaderMap, context: &Context) {
        match self {
            Self::W3c => w3c::write(headers, context),
            Self::B3 => b3::write(headers, context),
            Self::B3Multi => b3::write_multi(headers, context),
        }
    }
}

impl Propagation {
    /// What a client says.
    #[must_use]
    pub fn read(&self, headers: &HeaderMap) -> Option<Parent> {
        self.read.iter().find_map(|format| format.read(headers))
    }

    /// What a gateway of another region says, which may write in another format than we read.
    #[must_use]
    pub fn read_any(&self, headers: &HeaderMap) -> Option<Parent> {
        let all = self.write.iter().chain(&self.read);
        all.chain(&[Format::W3c, Format::B3, Format::B3Multi])
            .find_map(|format| format.read(headers))
    }

    /// Makes a head say where in the trace we are, in place of what a client said. Vendors' own
    /// words (`tracestate`) stay if they belong to the trace.
    pub fn write(&self, headers: &mut HeaderMap, context: &Context, keep_state: bool) {
        for format in self.read.iter().chain(&self.write) {
            format.clear(headers);
        }
        let w3c = self.read.contains(&Format::W3c) || self.write.contains(&Format::W3c);
        if w3c && !keep_state {
            w3c::clear_state(headers);
        }
        for format in &self.write {
            format.write(headers, context);
        }
    }
}

/// What vendors said beside a trace (`tracestate`), if it is short enough to be kept with it.
#[must_use]
pub(crate) fn state(headers: &HeaderMap) -> Option<String> {
    w3c::state(headers)
}

#[cfg(test)]
mod tests;
