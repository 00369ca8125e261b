//! Bytes that are no text, and characters that no file has that people write, and that let it seem to be another one than it is.

use super::{diagnostic::Diagnostic, text::Source};

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

impl Source {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// The first byte that is not UTF-8, shown in the text as it can be read.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Diagnostic> {
        let name = name.into();
        String::from_utf8(bytes)
            .map(|text| Self::new(name.clone(), text))
            .map_err(|error| {
                let (good, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
                let source = Self::new(name, String::from_utf8_lossy(bytes));
                // What comes before the first bad byte is as long in the text that can be shown, but for a byte order mark.
                let mark = if bytes.starts_with("\u{feff}".as_bytes()) {
                    '\u{feff}'.len_utf8()
                } else {
                    0
                };
                let place = source.at(good.saturating_sub(mark), '\u{fffd}'.len_utf8());
                let byte = bytes.get(good).copied().unwrap_or_default();
                Diagnostic::new(
                    &source,
                    place,
                    "the file is not UTF-8",
                    format!("the byte 0x{byte:02x}, behind {good} bytes"),
                )
                .help("save the file as UTF-8")
            })
    }

    /// The first character that does not belong into a file that people read, told at its place: control characters, and those
    /// that change how the characters around them are shown.
    ///
    /// # Errors
    /// Which character it is.
    pub fn check_letters(&self) -> Result<(), Diagnostic> {
        let found = self
            .text()
            .char_indices()
            .find_map(|(at, letter)| Some((at, letter, trouble(letter)?)));
        let Some((at, letter, trouble)) = found else {
            return Ok(());
        };
        let number = u32::from(letter);
        let place = self.at(at, letter.len_utf8());
        let message = format!("the character U+{number:04X} cannot stand in this file");
        let help = match letter {
            '\u{feff}' => "remove it; it cannot be seen in most editors".to_owned(),
            _ => format!("remove it, or write it as an escape in a text in double quotes: `\"\\u{number:04x}\"`"),
        };
        Err(Diagnostic::new(self, place, message, trouble).help(help))
    }
}
