//! How to tell a person that something is wrong in a file.

use std::fmt;

use miette::{LabeledSpan, SourceCode};

use super::{
    excerpt::{self, Excerpt},
    text::{Place, Source},
};
use crate::{limits::MESSAGE, shorten::shorten};

/// One thing that is wrong in a file: what, where, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub source: Source,
    /// Where in the file.
    pub place: Place,
    /// A sentence without a full stop.
    pub message: String,
    /// A few words at the place itself.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a way out.
    pub fn new(source: &Source, place: Place, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            source: source.clone(),
            place,
            message: short(message.into()),
            label: short(label.into()),
            help: None,
        }
    }

    /// Adds the way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(short(help.into()));
        self
    }

    /// As a picture of the source with the label at its place. `color` asks for ANSI colours.
    pub fn render(&self, color: bool) -> String {
        let theme = if color {
            miette::GraphicalTheme::unicode()
        } else {
            miette::GraphicalTheme::unicode_nocolor()
        };
        let handler = miette::GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false);
        let mut out = String::new();
        let report = Report {
            diagnostic: self,
            excerpt: Excerpt::around(&self.source, self.place),
        };
        match handler.render_report(&mut out, &report) {
            Ok(()) => out,
            Err(fmt::Error) => self.to_string(),
        }
    }
}

/// A text that a person can read to its end.
fn short(text: String) -> String {
    if text.len() <= MESSAGE {
        return text;
    }
    shorten(&text, MESSAGE)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.source.name(),
            self.place.line,
            self.place.column,
            self.message
        )?;
        if !self.label.is_empty() {
            write!(f, " ({})", self.label)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// A [`Diagnostic`] as miette wants it, with the lines to show.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    excerpt: Excerpt,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&excerpt::in_words(&self.diagnostic.message))
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Error)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic
            .help
            .as_ref()
            .map(|help| Box::new(excerpt::in_words(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.diagnostic.place.line > 0).then_some(&self.excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = Some(excerpt::in_words(&self.diagnostic.label)).filter(|label| !label.is_empty());
        let (offset, len) = self.excerpt.label();
        Some(Box::new(std::iter::once(LabeledSpan::new(label, offset, len))))
    }
}
