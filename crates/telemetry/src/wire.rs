//! Protobuf as it is written, without objects in between: tags, numbers and lengths, as its guide
//! to encoding has them.
//!
//! A scrape of ten thousand routes has a million fields: messages of structs, each with memory of
//! its own, cost three times as much as the numbers in them. Fields of value nothing are left out,
//! as proto3 does.

/// Writes the fields of one message.
#[derive(Debug, Default)]
pub struct Wire {
    out: Vec<u8>,
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
/// Bytes that are kept free for the length of a message; it moves up if it needs fewer.
const LENGTH_ROOM: usize = 5;

impl Wire {
    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    fn tag(&mut self, field: u32, kind: u64) {
        self.varint(u64::from(field) << 3 | kind);
    }

    /// A whole number: `uint64`, `int64`, an enumeration, a flag.
    pub fn uint(&mut self, field: u32, n: u64) {
        if n != 0 {
            self.uint_always(field, n);
        }
    }

    /// A whole number, though it be zero.
    pub fn uint_always(&mut self, field: u32, n: u64) {
        self.tag(field, VARINT);
        self.varint(n);
    }

    /// A number that may be negative: `sint32`, `sint64`; though it be zero.
    pub fn sint(&mut self, field: u32, n: i64) {
        self.tag(field, VARINT);
        self.varint((n << 1 ^ n >> 63) as u64);
    }

    /// A `fixed64`.
    pub fn fixed64(&mut self, field: u32, n: u64) {
        if n != 0 {
            self.tag(field, FIXED64);
            self.out.extend_from_slice(&n.to_le_bytes());
        }
    }

    /// A `double`, though it be zero.
    pub fn double(&mut self, field: u32, x: f64) {
        self.tag(field, FIXED64);
        self.out.extend_from_slice(&x.to_le_bytes());
    }

    /// Bytes.
    pub fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.tag(field, BYTES);
            self.varint(bytes.len() as u64);
            self.out.extend_from_slice(bytes);
        }
    }

    /// A text.
    pub fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A message within this one.
    pub fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, BYTES);
        self.delimited(write);
    }

    /// A message with its length before it.
    pub fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        let begin = self.out.len();
        self.out.extend_from_slice(&[0; LENGTH_ROOM]);
        write(self);
        let mut length = self.out.len() - begin - LENGTH_ROOM;
        debug_assert!(length < 1 << 35, "a message of gigabytes");
        let (mut digits, mut used) = ([0; LENGTH_ROOM], 0);
        loop {
            digits[used] = (length & 0x7f) as u8;
            length >>= 7;
            used += 1;
            if length == 0 {
                break;
            }
            digits[used - 1] |= 0x80;
        }
        let (from, to) = (begin + LENGTH_ROOM, begin + used);
        self.out.copy_within(from.., to);
        self.out.truncate(self.out.len() - (from - to));
        self.out[begin..to].copy_from_slice(&digits[..used]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_guide_says() {
        let mut wire = Wire::default();
        wire.uint(1, 150);
        wire.text(2, "testing");
        wire.message(3, |inner| inner.uint(1, 150));
        wire.sint(4, -2);
        wire.fixed64(5, 1);
        wire.uint(6, 0);
        let want = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x20\x03\x29\x01\0\0\0\0\0\0\0";
        assert_eq!(wire.into_bytes(), want);
    }

    #[test]
    fn lengths_of_all_sizes_are_right() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut wire = Wire::default();
            wire.delimited(|inner| inner.out.resize(inner.out.len() + size, 7));
            let bytes = wire.into_bytes();
            let (mut length, mut at) = (0, 0);
            loop {
                length |= usize::from(bytes[at] & 0x7f) << (7 * at);
                at += 1;
                if bytes[at - 1] < 0x80 {
                    break;
                }
            }
            assert_eq!((length, bytes.len() - at), (size, size));
        }
    }
}
