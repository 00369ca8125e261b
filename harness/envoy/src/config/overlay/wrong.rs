//! What is wrong with an overlay.

use super::super::ConfigError;

/// Everything that is wrong with an overlay.
#[derive(Debug)]
pub struct Wrong {
    first: ConfigError,
    more: Vec<ConfigError>,
}

impl Wrong {
    pub(super) fn of(all: Vec<ConfigError>) -> Option<Self> {
        let mut all = all.into_iter();
        let first = all.next()?;
        Some(Self {
            first,
            more: all.collect(),
        })
    }

    /// The first alone.
    pub(super) fn into_first(self) -> ConfigError {
        self.first
    }

    /// Each, in the order of the file.
    pub fn each(&self) -> impl Iterator<Item = &ConfigError> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

impl From<ConfigError> for Wrong {
    fn from(first: ConfigError) -> Self {
        Self {
            first,
            more: Vec::new(),
        }
    }
}
