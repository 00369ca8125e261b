//! A line of the log is one line, whatever a client said.

use std::io::{self, Write};

/// Writes each event as one line: line breaks and other controls in it are made visible, but for the escapes that give it its
/// colours. Otherwise a client writes lines of its own, with times and levels, or with words that a CI server obeys.
#[derive(Debug)]
pub(crate) struct OneLine<W>(pub(crate) W);

impl<W: Write> Write for OneLine<W> {
    /// Takes the text of one event, as `tracing-subscriber` gives it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if line.iter().any(|byte| acts(*byte)) {
            let mut visible = Vec::with_capacity(event.len() + 16);
            for byte in line {
                match byte {
                    byte if acts(*byte) => write!(visible, "\\x{byte:02x}")?,
                    byte => visible.push(*byte),
                }
            }
            visible.push(b'\n');
            self.0.write_all(&visible)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `tracing-subscriber` escapes what begins an escape of a terminal itself, and writes its own.
fn acts(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t' && byte != 0x1b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut lines = OneLine(Vec::new());
        assert_eq!(lines.write(event.as_bytes()).unwrap(), event.len());
        String::from_utf8(lines.0).unwrap()
    }

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(written("a \u{1b}[2mb\tc\u{1b}[0m\n"), "a \u{1b}[2mb\tc\u{1b}[0m\n");
        assert_eq!(
            written("refused: no\n::error::x\r2026 INFO y\u{0}é\n"),
            "refused: no\\x0a::error::x\\x0d2026 INFO y\\x00é\n"
        );
    }
}
