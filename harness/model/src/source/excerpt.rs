//! The few lines of a file that a diagnostic shows, fit for a terminal: no line is endless, and nothing in them can move
//! the cursor.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::text::{Place, Source};

/// What of a line is shown at the most, in characters.
const WIDEST: usize = 160;

/// What of a long line is shown before the place itself, in characters.
const BEFORE: usize = 60;

/// The line of a place and its neighbours.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    first_line: usize,
    place: Place,
    label: (usize, usize),
}

impl Excerpt {
    pub(super) fn around(source: &Source, place: Place) -> Self {
        let first_line = place.line.saturating_sub(1).max(1);
        let mut text = String::new();
        let mut label = (0, 1);
        // The empty line behind the last line ending is shown only if it is the place.
        let after = place.line + usize::from(!source.line(place.line + 1).is_empty());
        for number in first_line..=after {
            let line = source.line(number);
            if number == place.line {
                let column = place.column.saturating_sub(1);
                let (shown, before) = cut(line, column);
                let labelled = source
                    .text()
                    .get(place.offset..place.offset + place.len)
                    .unwrap_or_default();
                let len = visible(labelled).len();
                let room = shown.len() - before;
                label = (text.len() + before, len.min(room).max(1));
                text.push_str(&shown);
                // A place at the end of a line needs something to stand under.
                if room == 0 {
                    text.push(' ');
                }
            } else {
                text.push_str(&cut(line, 0).0);
            }
            text.push('\n');
        }
        Self {
            // A file may be called anything, too.
            name: in_words(&source.name().replace('\n', "\u{240a}")),
            text,
            first_line,
            place,
            label,
        }
    }

    /// The bytes before the label, and its own.
    pub(super) fn label(&self) -> (usize, usize) {
        self.label
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        before: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole: SourceSpan = (0, self.text.len()).into();
        let lines = self.text.lines().count();
        // Asked without neighbours, it is about the numbers in the heading.
        let (line, column) = if before == 0 {
            (self.place.line - 1, self.place.column.saturating_sub(1))
        } else {
            (self.first_line - 1, 0)
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            self.text.as_bytes(),
            whole,
            line,
            column,
            lines,
        )))
    }
}

/// The part of a line that is shown, and the bytes in it before `column`.
fn cut(line: &str, column: usize) -> (String, usize) {
    let skip = if line.chars().count() > WIDEST {
        column.saturating_sub(BEFORE)
    } else {
        0
    };
    let mut shown = String::new();
    if skip > 0 {
        shown.push('…');
    }
    let ahead: String = line.chars().skip(skip).take(column - skip).collect();
    shown.push_str(&visible(&ahead));
    let before = shown.len();
    let mut rest = line.chars().skip(column);
    let room = WIDEST - (column - skip).min(WIDEST);
    let behind: String = rest.by_ref().take(room).collect();
    shown.push_str(&visible(&behind));
    if rest.next().is_some() {
        shown.push('…');
    }
    (shown, before)
}

/// A text whose control characters are pictures of themselves, so that a terminal shows them and does not obey them.
pub(super) fn visible(text: &str) -> String {
    let picture = |c: char| match c {
        '\t' | '\n' => c,
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        // Marks that turn the direction of writing can hide what is written.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        // So do other line ends.
        '\u{2028}' | '\u{2029}' => '\u{fffd}',
        other => other,
    };
    text.chars().map(picture).collect()
}

/// A message with what people wrote in it, fit for a terminal.
pub(super) fn in_words(message: &str) -> String {
    visible(&message.replace('\t', " "))
}
