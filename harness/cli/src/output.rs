//! Printing: machine output to standard output, everything else to standard error. Whatever is printed goes through here, or
//! through the terminal's report, and is [fit for others to see](meshkat_report::printed).

#![expect(clippy::disallowed_methods, reason = "this is the place that prints")]

use std::{
    io::{self, Write as _},
    sync::OnceLock,
};

use meshkat_report::{
    printed::{Lines, json, plain, styled},
    visible,
};
use serde_json::Value;

/// Prints to standard output. A reader that has gone away is not an error: `meshkat list | head`.
pub(crate) fn print(text: &str) {
    print_exactly(&plain(text));
}

/// Prints JSON, in one line or in a readable form, to standard output.
pub(crate) fn print_json(value: Value, pretty: bool) {
    print_exactly(&format!("{}\n", json(value, pretty)));
}

/// Prints what is all the program's own, to the letter.
pub(crate) fn print_exactly(text: &str) {
    let mut out = io::stdout().lock();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints help to standard output, with its colours where they are wanted.
pub(crate) fn print_help(text: &str) {
    let mut out = anstream::stdout();
    note(out.write_all(styled(text).as_bytes()).and_then(|()| out.flush()));
}

/// Why something could not be printed, the first time.
static LOST: OnceLock<String> = OnceLock::new();

/// What could not be printed is told at the end, unless the reader has gone away.
fn note(printed: io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        // The first reason is the one to tell.
        drop(LOST.set(error.to_string()));
    }
}

/// Why not all that was to be printed to standard output is there; none if it is.
pub(crate) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Tells a person something.
pub(crate) fn say(text: &str) {
    show(&format!("{}\n", visible(text)));
}

/// Tells a person something with colours, which are taken out again where they are not wanted. What others wrote in it is
/// [`visible`] already.
pub(crate) fn show(text: &str) {
    drop(anstream::stderr().write_all(styled(text).as_bytes()));
}

/// Standard error for what tells by itself: logs, the output of programs.
pub(crate) fn told() -> Lines<io::Stderr> {
    Lines::new(io::stderr())
}

/// Tells of a panic as of everything else.
pub(crate) fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        let trace = std::backtrace::Backtrace::capture();
        say(&format!("a mistake in meshkat: the thread {name} {panic}"));
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            say(&trace.to_string());
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const PANIC: &str = "MESHKAT_TEST_PANIC";

    #[test]
    fn a_panic_is_told_as_everything_else() {
        if let Ok(message) = std::env::var(PANIC) {
            tell_of_panics();
            panic!("{message}");
        }
        let test = "output::tests::a_panic_is_told_as_everything_else";
        for (said, told) in [
            ("x\n::stop-commands::x", "\n\\::stop-commands::x\n"),
            ("x\n  ##[error]y", "\n  #\\#[error]y\n"),
            ("x\u{1b}[2J", "x\\u{1b}[2J"),
        ] {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", test, "--nocapture"]).env(PANIC, said);
            let out = command.output().expect("this program runs");
            let err = String::from_utf8_lossy(&out.stderr);
            assert!(err.contains("panicked at") && err.contains(told), "{err}");
        }
    }
}
