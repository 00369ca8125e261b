//! The types that one stream speaks of.

use std::collections::BTreeMap;

use super::session::{Refused, Scope};
use crate::resources::{Kind, View};

/// How many types that are not served a stream may ask for: each costs memory, and no Envoy knows so many.
const MOST_UNKNOWN: usize = 64;

/// The longest name of a type, in bytes: three times the longest that Envoy has.
const LONGEST_TYPE: usize = 256;

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

/// A type as a stream knows it. Known ones come first, in the order in which they are sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Known(Kind),
    Unknown(String),
}

impl Key {
    /// The type that a request speaks of.
    pub(super) fn of(scope: Scope, type_url: String) -> Result<Self, Refused> {
        if type_url.len() > LONGEST_TYPE {
            return Err(Refused::LongType(LONGEST_TYPE));
        }
        match (scope, Kind::of_type_url(&type_url)) {
            (Scope::One(kind), _) if type_url.is_empty() => Ok(Self::Known(kind)),
            (Scope::Aggregated, _) if type_url.is_empty() => Err(Refused::NoType),
            (Scope::One(own), Some(kind)) if own != kind => Ok(Self::Unknown(type_url)),
            (_, Some(kind)) => Ok(Self::Known(kind)),
            (_, None) => Ok(Self::Unknown(type_url)),
        }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Known(kind) => Some(*kind),
            Self::Unknown(_) => None,
        }
    }

    pub(super) fn type_url(&self) -> &str {
        match self {
            Self::Known(kind) => kind.type_url(),
            Self::Unknown(type_url) => type_url,
        }
    }

    /// A number that differs if the resources of the type may differ.
    pub(super) fn generation(&self, view: View<'_>) -> u64 {
        self.kind().map_or(0, |kind| view.generation(kind))
    }

    /// Whether naming nothing at first means everything.
    pub(super) fn is_whole(&self) -> bool {
        self.kind().is_none_or(Kind::is_whole)
    }
}

/// Whether a type speaks of clusters and their endpoints: on one stream with these, what they no longer need is taken away
/// only after they are told so.
pub(super) fn is_user(key: &Key) -> bool {
    matches!(key.kind(), Some(Kind::Listeners | Kind::Routes))
}

/// Refuses one more type if a stream has asked for too many that are not served.
pub(super) fn check_room<T>(topics: &BTreeMap<Key, T>, key: &Key) -> Result<(), Refused> {
    let unknown = topics.keys().filter(|key| key.kind().is_none()).count();
    if key.kind().is_none() && unknown >= MOST_UNKNOWN && !topics.contains_key(key) {
        return Err(Refused::TooManyTypes(MOST_UNKNOWN));
    }
    Ok(())
}
