//! What can be wrong with a value, and where.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Expected, Unexpected};

use crate::suggest::nearest;
use crate::tree::Node;

#[derive(Debug, Default)]
pub(super) struct Error {
    pub(super) message: Box<str>,
    pub(super) label: Box<str>,
    pub(super) hint: Option<String>,
    pub(super) range: Option<Range<usize>>,
    /// The smallest value that contains the error and can be left out.
    pub(super) innermost: Option<usize>,
    /// The field that was missing.
    pub(super) missing: Option<&'static str>,
    /// It follows from an error that was reported already.
    pub(super) silent: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(super) fn at(mut self, node: &Node) -> Self {
        self.range.get_or_insert_with(|| node.range.clone());
        self
    }

    pub(super) fn within(mut self, node: &Node) -> Self {
        self.innermost.get_or_insert(node.id);
        self
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string().into(),
            label: "here".into(),
            ..Self::default()
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Str(text) => format!("`{text}`"),
            Unexpected::Map => "a map".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Unit => "nothing".to_owned(),
            other => other.to_string(),
        };
        Self::wanted(&expected.to_string(), &found)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Unsigned(n) => format!("`{n}`"),
            Unexpected::Signed(n) => format!("`{n}`"),
            Unexpected::Str(text) => format!("`{text}`"),
            other => other.to_string(),
        };
        Self::wanted(&expected.to_string(), &found)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let choices = expected.join(", ");
        Self {
            message: format!("`{variant}` is not one of {choices}").into(),
            label: "not a choice here".into(),
            hint: nearest(variant, expected.iter().copied())
                .map(|name| format!("did you mean `{name}`?")),
            ..Self::default()
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            message: format!("`{field}` is missing").into(),
            label: format!("add `{field}:` to this").into(),
            missing: Some(field),
            ..Self::default()
        }
    }
}

impl Error {
    pub(super) fn wanted(expected: &str, found: &str) -> Self {
        let message = format!("expected {expected}, found {found}");
        Self {
            message: message.into(),
            label: format!("expected {expected}").into(),
            ..Self::default()
        }
    }
}
