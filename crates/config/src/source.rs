//! A text and the file it came from.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_model::Span;

/// A text and the file it came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file as the operator named it.
    pub file: Arc<PathBuf>,
    /// Its text.
    pub text: Arc<str>,
}

impl Source {
    /// A text of a file.
    #[must_use]
    pub fn new(file: PathBuf, text: &str) -> Self {
        Self {
            file: Arc::new(file),
            text: text.into(),
        }
    }

    /// A place in it.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        Span {
            file: Arc::clone(&self.file),
            range,
        }
    }
}
