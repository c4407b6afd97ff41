//! One of several: a word, or a word with what belongs to it.

use std::ops::Range;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::error::Error;
use super::{De, KeyDe};
use crate::tree::Node;

pub(super) struct Choice<'n> {
    pub(super) name: &'n str,
    pub(super) range: &'n Range<usize>,
    pub(super) content: Option<&'n Node>,
    pub(super) de: De<'n>,
}

impl<'n> EnumAccess<'n> for Choice<'n> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'n>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let variant = seed
            .deserialize(KeyDe { text: self.name })
            .map_err(|mut error| {
                error.range.get_or_insert_with(|| self.range.clone());
                error
            })?;
        Ok((variant, self))
    }
}

impl<'n> VariantAccess<'n> for Choice<'n> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            Some(content) if !content.is_null() => {
                let message = format!("`{}` stands alone", self.name);
                Err(Error {
                    message: message.into(),
                    label: "nothing may follow".into(),
                    ..Error::default()
                }
                .at(content))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'n>>(self, seed: S) -> Result<S::Value, Error> {
        let Some(node) = self.content else {
            let message = format!("`{}` needs a value", self.name);
            let label = format!("write `{}: ...`", self.name);
            return Err(Error {
                message: message.into(),
                label: label.into(),
                ..Error::default()
            }
            .at(self.de.node));
        };
        seed.deserialize(De {
            node,
            reader: self.de.reader,
        })
        .map_err(|error: Error| error.at(node))
    }

    fn tuple_variant<V: Visitor<'n>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom(
            "a choice of several values is not supported",
        ))
    }

    fn struct_variant<V: Visitor<'n>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.content {
            Some(node) => De {
                node,
                reader: self.de.reader,
            }
            .deserialize_struct("", fields, visitor),
            None => Err(Error {
                message: format!("`{}` needs values", self.name).into(),
                ..Error::default()
            }
            .at(self.de.node)),
        }
    }
}
