//! What a stream's names take.

use super::session::Refused;

/// How many names a stream may want, of all types together, and how many bytes they may have.
pub(crate) const MOST_NAMES: usize = 20_000;
const MOST_BYTES: usize = 4 << 20;

/// What a stream's names take, with what is kept beside each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    names: usize,
    bytes: usize,
}

impl Weight {
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().fold(Self::default(), |sum, name| Self {
            names: sum.names + 1,
            bytes: sum.bytes + name.len(),
        })
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            names: self.names + other.names,
            bytes: self.bytes + other.bytes,
        }
    }

    /// Refuses more than a stream may want.
    pub(super) fn check(self) -> Result<(), Refused> {
        if self.names > MOST_NAMES || self.bytes > MOST_BYTES {
            return Err(Refused::TooManyNames {
                names: MOST_NAMES,
                bytes: MOST_BYTES,
            });
        }
        Ok(())
    }

    /// About how much memory that is, in bytes.
    pub(crate) fn memory(self) -> usize {
        /// A text of its own, and an entry in each of the tables that have it.
        const BESIDE: usize = 256;
        self.bytes + self.names * BESIDE
    }
}
