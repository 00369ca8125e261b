//! Small things about text.

use std::borrow::Cow;
use std::fmt::Write as _;

use indicatif::HumanCount;
use meshkat_model::round::Round;

/// `text` with what a terminal would obey, and what XML cannot hold, made visible. Line breaks and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            c if is_hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character moves the cursor, ends a line, turns the direction of writing, or stands there unseen. Those that join
/// other characters in words and pictures are none of them.
pub(crate) fn is_hidden(c: char) -> bool {
    let turns_text =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_unseen = matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
    (c.is_control() && c != '\n' && c != '\t')
        || turns_text
        || is_unseen
        || ends_line
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// `text` in one visible line of at most `chars` characters.
pub(crate) fn line(text: &str, chars: usize) -> String {
    let joined = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(chars) {
        None => joined,
        Some(_) => joined.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A case's id in one visible line of at most `chars` characters, and its round, such as `eds/outage[pets=3], round 2 of 20`.
pub(crate) fn title(id: &str, round: Option<Round>, chars: usize) -> String {
    let id = line(id, chars);
    round.map_or_else(|| id.clone(), |round| format!("{id}, {round}"))
}

/// The beginning of a value.
pub(crate) struct Cut {
    /// Visible text, without line breaks at its end.
    pub(crate) text: String,
    /// Whether anything is missing.
    pub(crate) short: bool,
}

/// At most `lines` lines and `chars` characters of `text`.
pub(crate) fn cut(text: &str, lines: usize, chars: usize) -> Cut {
    let all = visible(text);
    let all = all.trim_end_matches('\n');
    let by_lines = all.match_indices('\n').nth(lines.saturating_sub(1)).map(|(at, _)| at);
    let by_chars = all.char_indices().nth(chars).map(|(at, _)| at);
    let end = by_lines.unwrap_or(all.len()).min(by_chars.unwrap_or(all.len()));
    Cut {
        text: all[..end].to_owned(),
        short: end < all.len(),
    }
}

/// A time as a person reads it: `850 ms`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
pub fn time(ms: u64) -> String {
    let seconds = ms / 1000;
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", seconds, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1,234 checks`, `1 check`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(n), if n == 1 { one } else { many })
}

/// `1,234`.
pub(crate) fn number(n: u64) -> String {
    HumanCount(n).to_string()
}

/// The first four bytes of the SHA-256 of `text`, in hexadecimal.
pub(crate) fn short_hash(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text.as_bytes())
        .iter()
        .take(4)
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let told: Vec<_> = [0, 999, 1_000, 1_999, 59_999, 60_000, 125_000, 3_600_000, 3_725_000]
            .into_iter()
            .map(time)
            .collect();
        let wanted = [
            "0 ms",
            "999 ms",
            "1.0 s",
            "1.9 s",
            "59.9 s",
            "1 min 00 s",
            "2 min 05 s",
            "1 h 00 min",
            "1 h 02 min",
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_terminal_obeys_nothing_of_a_value() {
        assert_eq!(visible("a\r\nb\tc"), "a\nb\tc");
        assert_eq!(visible("\u{1b}[31mred\u{7}\r"), "\\u{1b}[31mred\\u{7}\\r");
        assert_eq!(visible("x\u{202e}y\u{ffff}"), "x\\u{202e}y\\u{ffff}");
    }

    #[test]
    fn a_cut_says_that_it_is_one() {
        let whole = cut("a\nb\n", 2, 10);
        assert_eq!((whole.text.as_str(), whole.short), ("a\nb", false));
        let lines = cut("a\nb\nc", 2, 10);
        assert_eq!((lines.text.as_str(), lines.short), ("a\nb", true));
        let chars = cut("äöü", 2, 2);
        assert_eq!((chars.text.as_str(), chars.short), ("äö", true));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\n  b\tc", 10), "a b c");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("abcd", 4), "abcd");
    }
}
