//! How many of a scenario's cases run.

use std::fmt;

/// How much of the full product of a scenario's axes runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Each value of each axis once.
    Each,
    /// Each pair of values of each two axes.
    Pairwise,
    /// Each three values of each three axes.
    ThreeWise,
    /// Every combination.
    Full,
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Each => "each",
            Self::Pairwise => "pairwise",
            Self::ThreeWise => "3-wise",
            Self::Full => "full",
        })
    }
}
