//! Text of strangers, made fit to be shown.

use std::fmt::{self, Write as _};

/// A text in which nothing acts on a terminal: control characters, and those that turn the direction of what follows, are
/// written as escapes. It is one line.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if acts(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Control characters, line and paragraph separators, and the marks, embeddings, overrides and isolates of direction.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_and_the_rest_stays() {
        let shown = |text| Printable(text).to_string();
        assert_eq!(shown("/home/jörg/日本 x"), "/home/jörg/日本 x");
        assert_eq!(shown("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(shown("a\r\nb\t\u{9b}"), "a\\u{d}\\u{a}b\\u{9}\\u{9b}");
        assert_eq!(shown("a\u{202e}b\u{2028}"), "a\\u{202e}b\\u{2028}");
    }
}
