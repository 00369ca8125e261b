//! Characters that no file has that people write, and that let it seem to be another one than it is.

use super::{Diagnostic, Source};

/// What is wrong with a character, if anything.
fn trouble(letter: char) -> Option<&'static str> {
    match letter {
        '\t' | '\n' | '\r' => None,
        '\0' => Some("a NUL character, at which a reader may take the file to end"),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some("a line break to some readers and not to others"),
        '\u{feff}' => Some("a byte order mark, which belongs at the start of a file"),
        // See https://trojansource.codes: what is shown is then not what is read.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some("it turns the direction of writing"),
        '\u{fffe}' | '\u{ffff}' => Some("it is no character"),
        control if control.is_control() => Some("a control character"),
        _ => None,
    }
}

pub(super) fn check(source: &Source) -> Result<(), Diagnostic> {
    let found = source
        .text()
        .char_indices()
        .find_map(|(at, letter)| Some((at, letter, trouble(letter)?)));
    let Some((at, letter, trouble)) = found else {
        return Ok(());
    };
    let number = u32::from(letter);
    let place = source.at(at, letter.len_utf8());
    let message = format!("the character U+{number:04X} cannot stand in this file");
    let help = match letter {
        '\u{feff}' => "remove it; it cannot be seen in most editors".to_owned(),
        _ => format!("remove it, or write it as an escape in a text in double quotes: `\"\\u{number:04x}\"`"),
    };
    Err(Diagnostic::new(source, place, message, trouble).help(help))
}
