//! Durations and sizes as operators write them: `750ms`, `1m30s`, `64KiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Why a quantity was not understood, in words for the operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadQuantity(String);

impl fmt::Display for BadQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadQuantity {}

/// A span of time with its unit: `ms`, `s`, `m`, `h` or `d`, also several in a row (`1m30s`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

impl Period {
    /// A period of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A period of whole seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The same as the standard library's type.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Splits `1m30s` into (number, unit) pairs; `None` when the text has another shape.
fn parts(text: &str) -> Option<Vec<(u64, &str)>> {
    let mut rest = text;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        found.push((number, &rest[..end]));
        rest = &rest[end..];
    }
    if found.is_empty() { None } else { Some(found) }
}

fn sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    parts(text)?
        .iter()
        .try_fold(0_u64, |total, (number, unit)| {
            let (_, scale) = units.iter().find(|(name, _)| name == unit)?;
            total.checked_add(number.checked_mul(*scale)?)
        })
}

impl FromStr for Period {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        match sum(text, &TIME_UNITS) {
            Some(millis) => Ok(Self::from_millis(millis)),
            None => Err(BadQuantity(format!(
                "`{text}` is not a duration: write a number with ms, s, m, h or d, like 750ms or 1m30s"
            ))),
        }
    }
}

/// The shortest exact form, in the largest units that fit.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, scale) in TIME_UNITS {
            if millis >= scale {
                write!(f, "{}{unit}", millis / scale)?;
                millis %= scale;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A number of bytes: `B`, `KB`, `MB`, `GB` (powers of ten) or `KiB`, `MiB`, `GiB` (powers of two).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size of so many KiB.
    #[must_use]
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The size in bytes as an index type; on a 32-bit machine cut to what fits.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        sum(text, &SIZE_UNITS).map(Self).ok_or_else(|| {
            BadQuantity(format!(
                "`{text}` is not a size: write a number with B, KiB, MiB or GiB, like 64KiB"
            ))
        })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = SIZE_UNITS[..3]
            .iter()
            .find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale))
            .unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_are_read_with_their_units() {
        for (text, millis) in [
            ("750ms", 750),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(
                text.parse::<Period>().unwrap(),
                Period::from_millis(millis),
                "{text}"
            );
        }
        for bad in [
            "",
            "10",
            "s",
            "10 s",
            "-1s",
            "1.5s",
            "10 seconds",
            "99999999999999999999s",
            "ü",
        ] {
            assert!(
                bad.parse::<Period>()
                    .unwrap_err()
                    .to_string()
                    .contains("not a duration"),
                "{bad}"
            );
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [
            ("512B", 512),
            ("64KiB", 65_536),
            ("10MB", 10_000_000),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(
                text.parse::<ByteSize>().unwrap(),
                ByteSize::from_bytes(bytes),
                "{text}"
            );
        }
        assert!("64K".parse::<ByteSize>().is_err());
        assert_eq!(ByteSize::from_bytes(65_536).to_string(), "64KiB");
        assert_eq!(ByteSize::from_bytes(1_000).to_string(), "1000B");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in 0_u64..10_000_000_000, bytes in 0_u64..1 << 40) {
            let period = Period::from_millis(millis);
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
            let size = ByteSize::from_bytes(bytes);
            prop_assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (text.parse::<Period>().is_ok(), text.parse::<ByteSize>().is_ok());
        }
    }
}
