//! Names into addresses, keeping the last good answer.

mod resolver;

pub use resolver::Dns;
