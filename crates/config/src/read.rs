//! Trees into specs, through serde, going on after an error.
//!
//! serde stops at the first error. So that one run reports every problem, a value that cannot be
//! read is reported, left out, and the reading starts again, until it succeeds or nothing readable
//! is left. Unknown keys are reported and ignored on the way. What is missing only because it was
//! left out is not reported again.

mod choice;
mod error;
mod spanned;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use tidegate_model::Diagnostic;

use self::choice::Choice;
use self::error::Error;
pub use self::spanned::Spanned;
use self::spanned::{PlaceParts, SPANNED};
use crate::Source;
use crate::suggest::nearest;
use crate::tree::{Key, Node, Value, parse};

/// Reads a file's text into a spec. What is wrong is pushed to `problems`; `None` if nothing can be
/// made of it.
pub fn read<T: DeserializeOwned>(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<T> {
    let tree = parse(source, problems)?;
    let reader = Reader {
        source,
        left_out: RefCell::default(),
        told: RefCell::default(),
        problems: RefCell::default(),
    };
    let spec = reader.read(&tree);
    problems.append(&mut reader.problems.into_inner());
    spec
}

struct Reader<'s> {
    source: &'s Source,
    /// Values that could not be read.
    left_out: RefCell<BTreeSet<usize>>,
    /// Unknown keys that were reported already.
    told: RefCell<BTreeSet<usize>>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl Reader<'_> {
    fn read<T: DeserializeOwned>(&self, tree: &Node) -> Option<T> {
        loop {
            let error = match T::deserialize(De {
                node: tree,
                reader: self,
            }) {
                Ok(spec) => return Some(spec),
                Err(error) => error,
            };
            if !error.silent {
                let range = error.range.unwrap_or_else(|| tree.range.clone());
                let mut problem =
                    Diagnostic::error(error.message, self.source.span(range), error.label);
                problem.hint = error.hint;
                self.problems.borrow_mut().push(problem);
            }
            // Each round leaves out one more value, so this ends.
            if !error
                .innermost
                .is_some_and(|id| self.left_out.borrow_mut().insert(id))
            {
                return None;
            }
        }
    }

    fn is_left_out(&self, node: &Node) -> bool {
        self.left_out.borrow().contains(&node.id)
    }

    fn unknown_key(&self, key: &Key, known: &'static [&'static str]) {
        if !self.told.borrow_mut().insert(key.id) {
            return;
        }
        let hint = match nearest(&key.text, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None if key.text == "<<" => {
                "merge keys are not supported: write the keys out, or use an alias".to_owned()
            }
            None => format!("known keys here: {}", known.join(", ")),
        };
        let message = format!("unknown key `{}`", key.text);
        let problem = Diagnostic::error(
            message,
            self.source.span(key.range.clone()),
            "not a key here",
        );
        self.problems.borrow_mut().push(problem.hint(hint));
    }
}

struct De<'n> {
    node: &'n Node,
    reader: &'n Reader<'n>,
}

impl<'n> De<'n> {
    fn scalar(&self, expected: &str) -> Result<(&'n str, bool), Error> {
        match &self.node.value {
            Value::Scalar { text, plain } if !self.node.is_null() => Ok((text, *plain)),
            _ => Err(Error::wanted(expected, self.node.kind()).at(self.node)),
        }
    }

    fn number<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Error> {
        let (text, plain) = self.scalar(expected)?;
        let number = if plain { text.parse().ok() } else { None };
        number.ok_or_else(|| Error::wanted(expected, &format!("`{text}`")).at(self.node))
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $expected:literal,)*) => {$(
        fn $deserialize<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.number($expected)?;
            visitor.$visit(number).map_err(|error: Error| error.at(self.node))
        }
    )*};
}

impl<'n> Deserializer<'n> for De<'n> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Scalar { .. } if self.node.is_null() => visitor.visit_unit(),
            Value::Scalar { .. } => self.deserialize_str(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar("true or false")? {
            ("true", true) => visitor.visit_bool(true),
            ("false", true) => visitor.visit_bool(false),
            (text, _) => Err(Error::wanted("true or false", &format!("`{text}`")).at(self.node)),
        }
    }

    numbers! {
        deserialize_i8 visit_i8 "a whole number from -128 to 127",
        deserialize_i16 visit_i16 "a whole number from -32768 to 32767",
        deserialize_i32 visit_i32 "a whole number",
        deserialize_i64 visit_i64 "a whole number",
        deserialize_u8 visit_u8 "a whole number from 0 to 255",
        deserialize_u16 visit_u16 "a whole number from 0 to 65535",
        deserialize_u32 visit_u32 "a whole number from 0 to 4294967295",
        deserialize_u64 visit_u64 "a whole number, not negative",
        deserialize_f32 visit_f32 "a number",
        deserialize_f64 visit_f64 "a number",
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        let (text, _) = self.scalar("a text")?;
        visitor
            .visit_borrowed_str(text)
            .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == SPANNED {
            visitor.visit_seq(PlaceParts::of(self))
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::List(items) => {
                let items = Items {
                    items: items.iter(),
                    reader: self.reader,
                };
                visitor
                    .visit_seq(items)
                    .map_err(|error| error.at(self.node))
            }
            Value::Scalar { .. } | Value::Map(_) => {
                let error = Error::wanted(&visitor_words(&visitor), self.node.kind()).at(self.node);
                Err(Error {
                    hint: Some("write a list: [a, b], or one `- item` a line".to_owned()),
                    ..error
                })
            }
        }
    }

    fn deserialize_map<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(entries) => {
                let entries = Entries {
                    entries: entries.iter(),
                    value: None,
                    known: None,
                    reader: self.reader,
                };
                visitor
                    .visit_map(entries)
                    .map_err(|error| error.at(self.node))
            }
            // An empty block, such as a section whose entries are all commented out.
            Value::Scalar { .. } if self.node.is_null() => visitor.visit_map(Entries {
                entries: [].iter(),
                value: None,
                known: None,
                reader: self.reader,
            }),
            Value::Scalar { .. } | Value::List(_) => {
                Err(Error::wanted("a map of names to values", self.node.kind()).at(self.node))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        static EMPTY: Vec<(Key, Node)> = Vec::new();
        let entries = match &self.node.value {
            Value::Map(entries) => entries,
            Value::Scalar { .. } if self.node.is_null() => &EMPTY,
            Value::Scalar { .. } | Value::List(_) => {
                let expected = format!("a map with keys such as {}", fields.join(", "));
                return Err(Error::wanted(&expected, self.node.kind()).at(self.node));
            }
        };
        let access = Entries {
            entries: entries.iter(),
            value: None,
            known: Some(fields),
            reader: self.reader,
        };
        visitor.visit_map(access).map_err(|mut error| {
            // It is there, but it could not be read, which was said already.
            let there = |field| {
                self.node
                    .get(field)
                    .is_some_and(|node| self.reader.is_left_out(node))
            };
            error.silent |= error.missing.take().is_some_and(there);
            error.at(self.node)
        })
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let choice = match &self.node.value {
            Value::Scalar { .. } => Choice {
                name: self.scalar("a word")?.0,
                range: &self.node.range,
                content: None,
                de: self,
            },
            Value::Map(entries) if entries.len() == 1 => {
                let (key, content) = &entries[0];
                Choice {
                    name: &key.text,
                    range: &key.range,
                    content: Some(content),
                    de: self,
                }
            }
            Value::Map(_) | Value::List(_) => {
                let expected = format!("one of {}", variants.join(", "));
                return Err(Error::wanted(&expected, self.node.kind()).at(self.node));
            }
        };
        let node = choice.de.node;
        visitor.visit_enum(choice).map_err(|error| error.at(node))
    }

    fn deserialize_unit<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'n>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::List(items) if items.len() == len => self.deserialize_seq(visitor),
            _ => Err(Error::wanted(&visitor_words(&visitor), self.node.kind()).at(self.node)),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_bytes<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// What a visitor expects, in its own words.
fn visitor_words<'n, V: Visitor<'n>>(visitor: &V) -> String {
    struct Words<'v, V>(&'v V);

    impl<'n, V: Visitor<'n>> fmt::Display for Words<'_, V> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(f)
        }
    }

    match Words(visitor).to_string() {
        words if words == "a sequence" => "a list".to_owned(),
        words => words,
    }
}

struct Items<'n> {
    items: std::slice::Iter<'n, Node>,
    reader: &'n Reader<'n>,
}

impl<'n> SeqAccess<'n> for Items<'n> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'n>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(node) = self
            .items
            .by_ref()
            .find(|node| !self.reader.is_left_out(node))
        else {
            return Ok(None);
        };
        seed.deserialize(De {
            node,
            reader: self.reader,
        })
        .map(Some)
        .map_err(|error| error.at(node).within(node))
    }
}

struct Entries<'n> {
    entries: std::slice::Iter<'n, (Key, Node)>,
    value: Option<&'n Node>,
    /// The fields of a struct; a map takes any key.
    known: Option<&'static [&'static str]>,
    reader: &'n Reader<'n>,
}

impl<'n> MapAccess<'n> for Entries<'n> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'n>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        for (key, node) in self.entries.by_ref() {
            if let Some(known) = self.known
                && !known.contains(&key.text.as_str())
            {
                self.reader.unknown_key(key, known);
                continue;
            }
            if self.reader.is_left_out(node) {
                continue;
            }
            self.value = Some(node);
            let key_node = Node {
                value: Value::Scalar {
                    text: key.text.clone(),
                    plain: false,
                },
                range: key.range.clone(),
                id: key.id,
            };
            // The key's own error is told at the key, and leaves out the whole entry.
            let key_de = KeyDe { text: &key.text };
            return seed
                .deserialize(key_de)
                .map(Some)
                .map_err(|error| error.at(&key_node).within(node));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let node = self
            .value
            .take()
            .expect("serde asks for a value after its key");
        seed.deserialize(De {
            node,
            reader: self.reader,
        })
        .map_err(|error| error.at(node).within(node))
    }
}

/// A key of a map, as a text.
struct KeyDe<'de> {
    text: &'de str,
}

impl<'de> Deserializer<'de> for KeyDe<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
