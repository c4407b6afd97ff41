//! Values with their places.

use std::fmt;
use std::ops::Range;

use serde::de::{self, DeserializeSeed, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::De;
use super::error::Error;

/// A value and its place, for later checks that want to point at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Byte range in the text it was read from.
    pub range: Range<usize>,
}

impl<T: Default> Default for Spanned<T> {
    /// What is not written has no place.
    fn default() -> Self {
        Self {
            value: T::default(),
            range: 0..0,
        }
    }
}

/// What a reader is asked for who knows places.
pub(super) const SPANNED: &str = "$tidegate::Spanned";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Spanned<T>, A::Error> {
                let missing = || de::Error::custom("this format does not know places");
                let start = seq.next_element()?.ok_or_else(missing)?;
                let end = seq.next_element()?.ok_or_else(missing)?;
                let value = seq.next_element()?.ok_or_else(missing)?;
                Ok(Spanned {
                    value,
                    range: start..end,
                })
            }
        }

        deserializer.deserialize_newtype_struct(SPANNED, Parts(std::marker::PhantomData))
    }
}

/// The three parts of a [`Spanned`]: start, end, value.
pub(super) struct PlaceParts<'n> {
    de: De<'n>,
    part: u8,
}

impl<'n> PlaceParts<'n> {
    pub(super) const fn of(de: De<'n>) -> Self {
        Self { de, part: 0 }
    }
}

impl<'n> SeqAccess<'n> for PlaceParts<'n> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let De { node, reader } = self.de;
        self.part += 1;
        match self.part {
            1 => seed
                .deserialize(node.range.start.into_deserializer())
                .map(Some),
            2 => seed
                .deserialize(node.range.end.into_deserializer())
                .map(Some),
            _ => {
                let value = seed.deserialize(De { node, reader });
                value.map(Some).map_err(|error: Error| error.at(node))
            }
        }
    }
}
