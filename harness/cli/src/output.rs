//! Printing: machine output to standard output, everything else to standard error.

use std::io::{self, Write as _};

/// Prints to standard output. A reader that has gone away is not an error: `meshkat list | head`.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Tells a person something.
pub(crate) fn say(text: &str) {
    drop(writeln!(anstream::stderr(), "{text}"));
}
