//! Bodies that are compressed on their way.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A body, compressed for little time rather than for few bytes (RFC 1952).
#[must_use]
pub fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    // Writing to a Vec does not fail.
    let written = encoder.write_all(body);
    debug_assert!(written.is_ok());
    encoder.finish().unwrap_or_default()
}
