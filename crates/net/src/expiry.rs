//! When a certificate is over, read from its DER (RFC 5280 section 4.1).
//!
//! rustls checks times and does not tell them, so this walks to the one field that operators want
//! to be warned by. What it cannot read is no certificate that rustls would serve.

use tidegate_model::Wall;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, which a certificate of version 1 does not have.
const VERSION: u8 = 0xa0;

/// The end of a certificate's time, in seconds since the Unix epoch.
pub(crate) fn not_after(der: &[u8]) -> Option<u64> {
    let mut certificate = Reader(der).enter(SEQUENCE)?;
    let mut body = certificate.enter(SEQUENCE)?;
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    // Serial number, signature, issuer.
    let (serial, _) = body.next()?;
    if serial != INTEGER {
        return None;
    }
    body.enter(SEQUENCE)?;
    body.enter(SEQUENCE)?;
    let mut validity = body.enter(SEQUENCE)?;
    validity.next()?;
    let (tag, text) = validity.next()?;
    seconds(tag, std::str::from_utf8(text).ok()?)
}

/// What is left of some DER.
struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// The next element: its tag and what is in it.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let digits = usize::from(first & 0x7f);
            let (bytes, after) = rest.split_at_checked(digits)?;
            if digits > 4 {
                return None;
            }
            length = bytes.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
            rest = after;
        }
        let (inside, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, inside))
    }

    fn enter(&mut self, tag: u8) -> Option<Self> {
        let (found, inside) = self.next()?;
        (found == tag).then_some(Self(inside))
    }
}

/// RFC 5280 section 4.1.2.5: `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` later.
fn seconds(tag: u8, text: &str) -> Option<u64> {
    let full = match tag {
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? < 50 => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| full.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let rfc3339 = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let wall: Wall = rfc3339.parse().ok()?;
    Some(wall.unix_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_time_are_read() {
        for (tag, text, want) in [
            (UTC_TIME, "261122143307Z", Some(1_795_357_987)),
            (UTC_TIME, "700101000000Z", Some(0)),
            (GENERALIZED_TIME, "20261122143307Z", Some(1_795_357_987)),
            (UTC_TIME, "26112214330", None),
            (UTC_TIME, "2x1122143307Z", None),
            (INTEGER, "261122143307Z", None),
        ] {
            assert_eq!(seconds(tag, text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for der in [
            &b""[..],
            b"\x30",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x02\x30\x00",
        ] {
            assert_eq!(not_after(der), None, "{der:?}");
        }
    }
}
