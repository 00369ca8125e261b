//! Colours and widths.

use std::env;
use std::io::{self, IsTerminal as _};

use console::Term;
use meshkat_model::results::Status;
use owo_colors::Style;

use crate::options::ColorChoice;

/// For output that goes to no terminal.
const WIDTH: usize = 120;
/// Below this a table is not readable, and above the other its lines are not.
const NARROWEST: usize = 60;
const WIDEST: usize = 160;

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether there are colours.
    pub color: bool,
    /// Characters in a line.
    pub width: usize,
    /// Whether texts are broken into lines of that width. In a file, where somebody searches, they are not.
    pub wraps: bool,
}

impl Look {
    pub(super) fn of_stderr(color: ColorChoice) -> Self {
        let columns = Term::stderr().size_checked().map(|(_, columns)| usize::from(columns));
        Self {
            color: color.for_stderr(),
            width: columns.unwrap_or(WIDTH).clamp(NARROWEST, WIDEST),
            wraps: columns.is_some(),
        }
    }

    /// `text` as it is, or without its colours.
    pub(super) fn paint(self, text: &str) -> String {
        if self.color {
            text.to_owned()
        } else {
            anstream::adapter::strip_str(text).to_string()
        }
    }
}

/// Whether standard error is a terminal with a person before it.
#[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
pub(super) fn may_be_live() -> bool {
    let ci = env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    let dumb = env::var("TERM").is_ok_and(|value| value == "dumb");
    io::stderr().is_terminal() && !ci && !dumb
}

/// What was promised and broken is red; what says nothing about a promise is magenta.
pub(super) fn style(status: Status) -> Style {
    match status {
        Status::Passed => Style::new().green().bold(),
        Status::Failed => Style::new().red().bold(),
        Status::Errored => Style::new().magenta().bold(),
        Status::Skipped | Status::Flaky => Style::new().yellow().bold(),
    }
}
