//! Colours, and nothing else of what a terminal obeys.

use std::fmt::Write as _;

use crate::text::is_hidden;

/// `text` with its colours, and with all other control characters made visible.
pub(super) fn colours_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(len) = colour(rest) {
            out.push_str(&rest[..len]);
            rest = &rest[len..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\r' if rest.starts_with('\n') => {}
            c if is_hidden(c) => {
                let _ = write!(out, "{}", c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}

/// The length of the sequence that `text` begins with, if it sets colours or weight. One that hides what follows is none.
pub(super) fn colour(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let is_style = rest[end..].starts_with('m') && !hides(&rest[..end]);
    is_style.then_some(2 + end + 1)
}

/// Whether one of these codes makes text blink or disappear.
fn hides(codes: &str) -> bool {
    let mut codes = codes.split(';').map(|code| code.trim_start_matches('0'));
    while let Some(code) = codes.next() {
        match code {
            "5" | "6" | "8" => return true,
            // The numbers of a colour are no codes of their own.
            "38" | "48" => {
                let numbers = if codes.next() == Some("2") { 3 } else { 1 };
                codes.by_ref().take(numbers).for_each(drop);
            }
            _ => {}
        }
    }
    false
}
