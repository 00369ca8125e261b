//! What is wrong in an expression.

use crate::source::{Diagnostic, Place, Source};

/// What is wrong in an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the expression before it.
    pub at: usize,
    /// How many bytes of the expression it covers.
    pub len: usize,
    /// In a sentence without a full stop.
    pub message: String,
    /// A few words at the place itself.
    pub label: String,
    /// The way out.
    pub help: String,
}

impl Problem {
    /// As told of a file, in which the expression was written at `place`.
    pub(crate) fn told(self, source: &Source, place: Place, text: &str) -> Diagnostic {
        let inside = source.inside(place, text, self.at, self.len);
        Diagnostic::new(source, inside.unwrap_or(place), self.message, self.label).help(self.help)
    }
}
