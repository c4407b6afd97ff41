//! What is wrong in a configuration, where, and what to do about it.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The configuration works, but probably not as meant.
    Warning,
    /// The configuration is refused.
    Error,
}

/// A place in a source text: which file, and which bytes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The file as the operator named it.
    pub file: Arc<PathBuf>,
    /// Byte range in the file's text.
    pub range: Range<usize>,
}

/// One problem: a sentence, its place, a few words under the caret, and a hint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Whether it stops the configuration from being used.
    pub severity: Severity,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// Where, if it has a place.
    pub span: Option<Span>,
    /// A few words that stand under the caret.
    pub label: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: Some(span),
            label: label.into(),
            hint: None,
        }
    }

    /// An error that has no place, such as a file that cannot be read.
    #[must_use]
    pub fn placeless(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: String::new(),
            hint: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
