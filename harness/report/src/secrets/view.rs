//! A text as it was before somebody wrapped or escaped it, and the way back to where each part of it stands.

use std::ops::Range;
use std::rc::Rc;

/// What escapes are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// JSON and programs: `\"`, `\u0022`.
    Backslash,
    /// URLs: `%22`.
    Percent,
    /// XML and HTML: `&quot;`.
    Entity,
    /// All of them at once.
    Any,
}

impl Escapes {
    fn begin_with(self, byte: u8) -> bool {
        match self {
            Self::Backslash => byte == b'\\',
            Self::Percent => byte == b'%',
            Self::Entity => byte == b'&',
            Self::Any => true,
        }
    }
}

/// A text made of another one, or of the text itself.
pub(super) struct View {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    parent: Option<Rc<View>>,
}

/// What stands from a byte of the view on.
struct Segment {
    /// The first byte, in the view.
    at: usize,
    /// The byte of the parent that it is made of.
    from: usize,
    /// How many bytes of the parent make up the whole of it; none where each byte is one of the parent's.
    unit: Option<usize>,
}

impl View {
    /// A text without its blanks and line breaks: who wraps a text puts some in, or puts one in place of another.
    pub(super) fn joined(text: &[u8]) -> Self {
        let mut view = Self::new(text.len());
        let (mut from, mut at) = (0, 0);
        while at < text.len() {
            let blanks = text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if blanks > 0 {
                view.copy(text, from..at);
                from = at + blanks;
            }
            at += blanks.max(1);
        }
        view.copy(text, from..text.len());
        view
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of the first text that a part of this one, which is not empty, is made of.
    pub(super) fn origin(&self, part: Range<usize>) -> Range<usize> {
        let first = self.segment(part.start);
        let start = match first.unit {
            Some(_) => first.from,
            None => first.from + part.start - first.at,
        };
        let last = self.segment(part.end - 1);
        let end = match last.unit {
            Some(unit) => last.from + unit,
            None => last.from + part.end - last.at,
        };
        match &self.parent {
            Some(parent) => parent.origin(start..end),
            None => start..end,
        }
    }

    /// This text with one layer of such escapes taken off. None if there are none.
    pub(super) fn unescaped(self: &Rc<Self>, of: Escapes) -> Option<Rc<Self>> {
        let text = &self.bytes;
        let mut view = Self::new(text.len());
        let (mut from, mut any) = (0, false);
        for at in memchr::memchr3_iter(b'\\', b'%', b'&', text) {
            if at < from || !of.begin_with(text[at]) {
                continue;
            }
            let Some((len, mut meant)) = escape(&text[at..]) else {
                continue;
            };
            meant.retain(|byte| !byte.is_ascii_whitespace());
            any = true;
            view.copy(text, from..at);
            view.unit(at, len, &meant);
            from = at + len;
        }
        if !any {
            return None;
        }
        view.copy(text, from..text.len());
        view.parent = Some(Rc::clone(self));
        Some(Rc::new(view))
    }

    fn new(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            segments: Vec::new(),
            parent: None,
        }
    }

    fn copy(&mut self, text: &[u8], part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        self.segments.push(Segment {
            at: self.bytes.len(),
            from: part.start,
            unit: None,
        });
        self.bytes.extend_from_slice(&text[part]);
    }

    fn unit(&mut self, from: usize, len: usize, meant: &[u8]) {
        if meant.is_empty() {
            return;
        }
        self.segments.push(Segment {
            at: self.bytes.len(),
            from,
            unit: Some(len),
        });
        self.bytes.extend_from_slice(meant);
    }

    fn segment(&self, at: usize) -> &Segment {
        let after = self.segments.partition_point(|segment| segment.at <= at);
        &self.segments[after.saturating_sub(1)]
    }
}

/// The escape that `text` begins with: its length, and what it means.
fn escape(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    match text {
        [b'%', high, low, ..] => Some((3, vec![hex(*high)? * 16 + hex(*low)?])),
        [b'\\', b'u', rest @ ..] => unicode(rest).map(|(len, meant)| (2 + len, meant)),
        [b'\\', b'x', high, low, ..] => Some((4, vec![hex(*high)? * 16 + hex(*low)?])),
        [b'\\', b'n' | b'r' | b't', ..] => Some((2, vec![b'\n'])),
        [b'\\', meant, ..] if meant.is_ascii_punctuation() => Some((2, vec![*meant])),
        [b'&', ..] => entity(text),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// What follows `\u`: four digits, two such for what is beyond the first plane, or digits in braces.
fn unicode(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let utf8 = |code: u32| char::from_u32(code).map(|c| c.to_string().into_bytes());
    if text.first() == Some(&b'{') {
        let end = text.iter().take(8).position(|byte| *byte == b'}')?;
        return Some((end + 1, utf8(number(&text[1..end], 16)?)?));
    }
    let first = number(text.get(..4)?, 16)?;
    if let Some(meant) = utf8(first) {
        return Some((4, meant));
    }
    let second = text
        .get(4..10)?
        .strip_prefix(b"\\u")
        .and_then(|digits| number(digits, 16))?;
    let code = 0x1_0000 + (first.checked_sub(0xd800)? << 10) + second.checked_sub(0xdc00)?;
    Some((10, utf8(code)?))
}

fn entity(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let meant = match &text[1..end] {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((end + 1, meant.to_string().into_bytes()))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let plain = digits.iter().all(u8::is_ascii_alphanumeric);
    let digits = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    u32::from_str_radix(digits, radix).ok()
}
