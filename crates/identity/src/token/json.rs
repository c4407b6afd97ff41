//! JSON as strict as a token needs it: bounded, and no member twice.
//!
//! Readers disagree on which of two members of the same name counts, so a token with two says one
//! thing to us and another to the service behind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as _, Serialize};
use serde_json::Number;

/// Objects and lists within each other at most.
const DEPTH_MAX: usize = 8;
/// Values in one text at most, of all depths.
const VALUES_MAX: usize = 512;

/// An object.
pub(crate) type Object = BTreeMap<String, Json>;

/// A value.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(Object),
}

impl Json {
    /// The object that a text holds, if it holds one, whole and nothing else.
    pub(crate) fn object(text: &[u8]) -> Option<Object> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let left = Cell::new(VALUES_MAX);
        let seed = Seed {
            depth_left: DEPTH_MAX,
            values_left: &left,
        };
        let value = seed.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        match value {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Texts as they are, other values as JSON.
    pub(crate) fn spelled(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => serde_json::to_string(other).unwrap_or_default(),
        }
    }
}

/// What may still come.
#[derive(Clone, Copy)]
struct Seed<'c> {
    depth_left: usize,
    values_left: &'c Cell<usize>,
}

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1);
        let depth_left = depth_left.ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth_left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.values_left.get().checked_sub(1);
        let left = left.ok_or_else(|| D::Error::custom("too many values"))?;
        self.values_left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        let number = Number::from_f64(value);
        number
            .map(Json::Number)
            .ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(seed)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut object = Object::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let value = map.next_value_seed(seed)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands here twice"));
            }
        }
        Ok(Json::Object(object))
    }
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}
