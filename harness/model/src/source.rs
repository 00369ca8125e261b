//! Where something was written, and how to tell a person that it does not hold.

use std::{fmt, sync::Arc};

use miette::{LabeledSpan, NamedSource, SourceCode};

/// A file that a person wrote: its name as given and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    inner: Arc<(String, String)>,
}

impl Source {
    /// `name` is the path as a person would type it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            inner: Arc::new((name.into(), text.into())),
        }
    }

    /// The path as a person would type it.
    pub fn name(&self) -> &str {
        &self.inner.0
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.inner.1
    }

    /// The place of `len` bytes that begin at `line` and `column`, both from 1; columns count characters.
    pub fn place(&self, line: usize, column: usize, len: usize) -> Place {
        let mut offset = 0;
        for (number, text) in self.text().split_inclusive('\n').enumerate() {
            if number + 1 == line {
                let within: usize = text.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
                offset += within;
                break;
            }
            offset += text.len();
        }
        let offset = offset.min(self.text().len());
        let rest = self.text()[offset..].split('\n').next().unwrap_or_default().len();
        Place {
            offset,
            len: len.min(rest),
            line,
            column,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.name())
    }
}

/// A place in a [`Source`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes that it covers, all in one line.
    pub len: usize,
    /// From 1; 0 where no place is known.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// One thing that does not hold in a file: what, where, and the way out.
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
            message: message.into(),
            label: label.into(),
            help: None,
        }
    }

    /// Adds the way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
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
            source: NamedSource::new(self.source.name(), self.source.text().to_owned()),
        };
        match handler.render_report(&mut out, &report) {
            Ok(()) => out,
            Err(fmt::Error) => self.to_string(),
        }
    }
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

/// A [`Diagnostic`] as miette wants it, with the source's name.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
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
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.diagnostic.place.line > 0).then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.diagnostic.place;
        let label = (!self.diagnostic.label.is_empty()).then(|| self.diagnostic.label.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new(
            label,
            place.offset,
            place.len.max(1),
        ))))
    }
}
