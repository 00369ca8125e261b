//! How reports are made.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How the reports of a run are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportOptions {
    /// The folder for the files; it is made when it is not there.
    pub dir: PathBuf,
    /// Whether the terminal's report has colours.
    pub color: ColorChoice,
    /// Whether a view of what goes on is shown. It needs a terminal, and is left out when `CI` is set.
    pub progress: bool,
}

/// Whether text has colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal that knows them, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Even into a file.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    /// Every choice, as written on the command line.
    pub const NAMES: [&'static str; 3] = ["auto", "always", "never"];

    /// Whether standard error has colours.
    #[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
    pub fn for_stderr(self) -> bool {
        match self {
            Self::Auto => anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl fmt::Display for ColorChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        })
    }
}

impl FromStr for ColorChoice {
    type Err = UnknownColorChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(UnknownColorChoice(text.to_owned())),
        }
    }
}

/// A word that is no [`ColorChoice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of `auto`, `always` and `never`")]
pub struct UnknownColorChoice(pub String);
