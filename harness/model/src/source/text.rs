//! A file's text, and places in it.

use std::{collections::HashMap, fmt, sync::Arc};

/// A file that a person wrote: its name as given and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    inner: Arc<Inner>,
}

#[derive(PartialEq, Eq)]
struct Inner {
    name: String,
    text: String,
    /// The bytes before each line.
    lines: Vec<usize>,
    /// Of each long line, by its number from 0: the bytes before each [`EACH`] of its characters.
    marks: HashMap<usize, Vec<usize>>,
}

/// Characters between two marks in a long line. A file may be one line, in which every part has a place.
const EACH: usize = 256;

impl Source {
    /// `name` is the path as a person would type it. A byte order mark at the start is left out.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let lines = line_starts(&text);
        let marks = marks(&text, &lines);
        Self {
            inner: Arc::new(Inner {
                name: name.into(),
                text,
                lines,
                marks,
            }),
        }
    }

    /// The path as a person would type it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The place of `len` bytes that begin at `line` and `column`, both from 1; columns count characters. A place beyond
    /// the text is its end.
    pub fn place(&self, line: usize, column: usize, len: usize) -> Place {
        let text = self.text();
        let Some(&start) = self.inner.lines.get(line.saturating_sub(1)) else {
            return self.at(text.len(), 0);
        };
        let (marked, skip) = self.mark_before(line, column.saturating_sub(1));
        // A mark may lie in what ends the line.
        let within: usize = self
            .line(line)
            .get(marked..)
            .unwrap_or_default()
            .chars()
            .take(column.saturating_sub(1) - skip)
            .map(char::len_utf8)
            .sum();
        self.at(start + marked + within, len)
    }

    /// The last mark of a line that is not behind so many of its characters: the bytes and the characters before it.
    fn mark_before(&self, line: usize, characters: usize) -> (usize, usize) {
        let marks = self.inner.marks.get(&line.saturating_sub(1));
        let at = marks.map_or(0, |marks| (characters / EACH).min(marks.len() - 1));
        (marks.map_or(0, |marks| marks[at]), at * EACH)
    }

    /// The place of `len` bytes after the first `offset` ones, as far as they are in one line.
    pub fn at(&self, offset: usize, len: usize) -> Place {
        let text = self.text();
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let offset = floor(offset);
        let line = self.inner.lines.partition_point(|start| *start <= offset);
        let start = self.inner.lines[line - 1];
        let end = (start + self.line(line).len()).max(offset);
        let len = floor(offset.saturating_add(len)).min(end) - offset;
        Place {
            offset,
            len,
            line,
            column: self.characters(line, start, offset) + 1,
        }
    }

    /// How many characters of a line, which begins at `start`, are before `offset`.
    fn characters(&self, line: usize, start: usize, offset: usize) -> usize {
        let marks = self.inner.marks.get(&(line - 1));
        let at = marks.map_or(0, |marks| marks.partition_point(|mark| start + mark <= offset) - 1);
        let marked = marks.map_or(0, |marks| marks[at]);
        at * EACH + self.text()[start + marked..offset].chars().count()
    }

    /// The lines, as YAML counts them, without their endings.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        (1..=self.inner.lines.len()).map(|number| self.line(number))
    }

    /// The text of a line, counted from 1, without its ending. Lines beyond the last are empty.
    pub fn line(&self, number: usize) -> &str {
        let lines = &self.inner.lines;
        let Some(&start) = number.checked_sub(1).and_then(|index| lines.get(index)) else {
            return "";
        };
        let end = lines.get(number).copied().unwrap_or(self.text().len());
        self.text()[start..end].trim_end_matches(['\n', '\r'])
    }

    /// Where a part of a scalar stands: `offset` bytes into its `text`, `len` bytes long. None where the text was not
    /// written as it reads, as with escapes or values that were put in.
    pub(crate) fn inside(&self, place: Place, text: &str, offset: usize, len: usize) -> Option<Place> {
        let start = place.offset;
        let quoted = self.text().get(start..)?.starts_with(['"', '\'']) && !text.starts_with(['"', '\'']);
        let mut written = self
            .text()
            .get(start + usize::from(quoted)..)?
            .char_indices()
            .peekable();
        let mut found = None;
        let mut read = text.char_indices().peekable();
        while let Some((at, c)) = read.next() {
            if at >= offset + len && found.is_some() {
                break;
            }
            let &(here, _) = written.peek()?;
            if at == offset {
                found = Some(start + usize::from(quoted) + here);
            }
            if c.is_whitespace() {
                // Where a text goes over several lines, blanks stand for line breaks and the indentation behind them.
                while read.next_if(|(at, c)| *at != offset && c.is_whitespace()).is_some() {}
                written.next_if(|(_, c)| c.is_whitespace())?;
                while written.next_if(|(_, c)| c.is_whitespace()).is_some() {}
            } else {
                written.next_if(|(_, w)| *w == c)?;
            }
        }
        // What is missing at the end of a text is told behind its last character.
        let end = || {
            written
                .peek()
                .map_or(self.text().len(), |(here, _)| start + usize::from(quoted) + here)
        };
        Some(self.at(found.unwrap_or_else(end), len.max(1)))
    }
}

/// The bytes before each line; a line ends as YAML has it: with `\n`, `\r\n` or a lone `\r`.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    std::iter::once(0)
        .chain((0..bytes.len()).filter(|at| ends(*at)).map(|at| at + 1))
        .collect()
}

/// The marks of the lines that are long; the first of each is its beginning.
fn marks(text: &str, lines: &[usize]) -> HashMap<usize, Vec<usize>> {
    let ends = lines.iter().skip(1).copied().chain([text.len()]);
    lines
        .iter()
        .zip(ends)
        .enumerate()
        .filter(|(_, (start, end))| *end - **start > EACH)
        .map(|(line, (start, end))| {
            let marks = text[*start..end].char_indices().step_by(EACH).map(|(at, _)| at);
            (line, marks.collect())
        })
        .collect()
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

impl Place {
    /// Whether another one begins within it.
    pub(crate) fn has(self, other: Self) -> bool {
        (self.offset..=self.offset + self.len).contains(&other.offset)
    }
}
