//! Why a mesh, or what it was asked for, is not as it should be.

use std::fmt::Write as _;

use meshkat_model::{results::Failure, source::Diagnostic};

/// What went wrong. Shown, it tells what was expected, what came, and the way out, in several lines.
#[derive(thiserror::Error)]
pub enum Error {
    /// There is no project here, no such mesh, or a file or a step is invalid.
    #[error("{0}")]
    Invalid(String),
    /// An expectation, or an invariant of the mesh, did not hold.
    #[error("{0}")]
    Failed(String),
    /// The environment broke: there is no Envoy, a program is missing, the machine is too busy to judge anything.
    #[error("{0}")]
    Environment(String),
}

// A test that ends with an error shows it so.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Error {
    pub(crate) fn diagnostics(wrong: &[Diagnostic]) -> Self {
        let each: Vec<String> = wrong
            .iter()
            .map(|one| one.render(false).trim_end().to_owned())
            .collect();
        Self::Invalid(each.join("\n\n"))
    }

    /// With ways out below it.
    pub(crate) fn with_help(message: &str, help: impl IntoIterator<Item = String>) -> String {
        help.into_iter().fold(message.to_owned(), |mut text, help| {
            // Writing to a text does not fail.
            let _ = write!(text, "\n  hint: {help}");
            text
        })
    }

    pub(crate) fn told(failure: &Failure) -> String {
        let mut text = failure.message.clone();
        for (what, said) in [
            ("step", &failure.step),
            ("expected", &failure.expected),
            ("actual", &failure.actual),
        ] {
            if !said.is_empty() {
                let _ = write!(text, "\n  {what}: {}", said.replace('\n', "\n    "));
            }
        }
        Self::with_help(&text, failure.hints.iter().cloned())
    }
}
