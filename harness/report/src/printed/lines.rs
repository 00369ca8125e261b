//! A stream of which every line is fit to be printed.

use std::io::{self, Write};

use super::texts::plain;

/// A line that is longer becomes several.
pub(super) const LONGEST: usize = 64 * 1024;

/// Passes on whole lines, each made fit as by [`plain`]: a word that is written in two parts is one word in a log. What goes back
/// to the start of a line to write over it, as progress does, begins a new one. What stands after the last line break goes
/// when this is dropped.
pub struct Lines<W: Write> {
    to: W,
    line: Vec<u8>,
    /// The last line ended in a carriage return, to which a line feed may belong.
    returned: bool,
}

impl<W: Write> Lines<W> {
    /// Writes to `to`.
    pub fn new(to: W) -> Self {
        Self {
            to,
            line: Vec::new(),
            returned: false,
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(());
        }
        let text = plain(&String::from_utf8_lossy(&line));
        self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush())
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.returned) && bytes.first() == Some(&b'\n') {
            return Ok(1);
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
            self.line.extend_from_slice(bytes);
            if self.line.len() >= LONGEST {
                self.line.push(b'\n');
                self.pass_on()?;
            }
            return Ok(bytes.len());
        };
        self.line.extend_from_slice(&bytes[..end]);
        self.line.push(b'\n');
        self.returned = bytes[end] == b'\r';
        // The error of a line is told to who writes its last part.
        self.pass_on()?;
        Ok(end + 1)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Half a line waits for its other half.
        self.to.flush()
    }
}

impl<W: Write> Drop for Lines<W> {
    fn drop(&mut self) {
        drop(self.pass_on());
    }
}
