//! How a command ends: exit codes, and errors with their way out.

use std::process::ExitCode;

use meshkat_model::{
    limits::{PROBLEMS, grouped},
    source::Diagnostic,
};
use meshkat_report::{ReportError, visible};

use crate::output::{lost, show};

/// A case failed.
pub(crate) const FAILED: u8 = 1;
/// Usage, or a file that is invalid.
pub(crate) const USAGE: u8 = 2;
/// The environment failed.
pub(crate) const ENVIRONMENT: u8 = 3;
/// Nothing was selected.
pub(crate) const NOTHING: u8 = 4;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: Option<String>,
    help: Option<String>,
}

impl Exit {
    /// What went wrong, in one sentence; empty where it has been told.
    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Ends with a code, all having been told.
    pub(crate) fn silent(code: u8) -> Self {
        Self {
            code,
            message: None,
            help: None,
        }
    }

    /// The mesh is not what its files say that it is.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            message: Some(message.into()),
            help: None,
        }
    }

    /// What a person typed, or a file, is invalid.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            message: Some(message.into()),
            help: None,
        }
    }

    /// The environment does not let the command run.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self {
            code: ENVIRONMENT,
            message: Some(message.into()),
            help: None,
        }
    }

    /// Nothing was selected.
    pub(crate) fn nothing(message: impl Into<String>) -> Self {
        Self {
            code: NOTHING,
            message: Some(message.into()),
            help: None,
        }
    }

    /// A report cannot be written or read: what a checkout has in the way is a matter of usage.
    pub(crate) fn report(error: &ReportError) -> Self {
        let exit = match error.is_usage() {
            true => Self::usage(error.to_string()),
            false => Self::environment(error.to_string()),
        };
        exit.maybe_help(error.help().map(str::to_owned))
    }

    /// Adds the way out.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the way out, if there is one.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The first, with what the second says below it; one of them where the other is none.
    pub(crate) fn both(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(first), Some(second)) => {
                let messages: Vec<String> = [first.message, second.message].into_iter().flatten().collect();
                Some(Self {
                    message: Some(messages.join("\n")),
                    ..first
                })
            }
            (first, second) => first.or(second),
        }
    }

    /// What is wrong, and the way out.
    pub(crate) fn into_parts(self) -> (String, String) {
        (
            self.message.unwrap_or_default(),
            self.help.unwrap_or_else(|| "none is known".to_owned()),
        )
    }

    /// Files that are invalid: shows each diagnostic.
    pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) -> Self {
        for diagnostic in diagnostics.iter().take(PROBLEMS) {
            show(&format!("{}\n\n", diagnostic.render(true).trim_end()));
        }
        if let Some(more) = diagnostics.len().checked_sub(PROBLEMS).filter(|more| *more > 0) {
            show(&format!("and {} more\n\n", grouped(more as u64)));
        }
        let files: std::collections::BTreeSet<&str> = diagnostics.iter().map(|d| d.source.name()).collect();
        Self::usage(format!(
            "{} in {}",
            count(diagnostics.len(), "problem"),
            count(files.len(), "file")
        ))
    }
}

/// `1 problem`, `2 problems`, `2 meshes`.
pub(crate) fn count(number: usize, what: &str) -> String {
    let ending = match number {
        1 => "",
        _ if what.ends_with('s') || what.ends_with('h') => "es",
        _ => "s",
    };
    format!("{number} {what}{ending}")
}

/// Tells what went wrong and gives the exit code.
pub(crate) fn code(result: Result<(), Exit>) -> ExitCode {
    let result = match (result, lost()) {
        (Ok(()), Some(why)) => Err(Exit::environment(format!("failed to write to standard output: {why}"))),
        (result, _) => result,
    };
    let Err(exit) = result else { return ExitCode::SUCCESS };
    let red = anstyle_error();
    if let Some(message) = &exit.message {
        show(&format!("{red}error{red:#}: {}\n", visible(message)));
    }
    if let Some(help) = &exit.help {
        show(&format!("  help: {}\n", visible(help)));
    }
    ExitCode::from(exit.code)
}

fn anstyle_error() -> clap::builder::styling::Style {
    clap::builder::styling::AnsiColor::Red.on_default().bold()
}
