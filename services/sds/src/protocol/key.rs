//! The types that one stream speaks of.

use std::collections::BTreeMap;

use super::session::{Refused, Scope};
use crate::resources::Kind;
use crate::store::View;

/// How many types that are not served a stream may ask for: each costs memory, and no Envoy knows so many.
const MOST_UNKNOWN: usize = 64;

/// The longest name of a type, in bytes: three times the longest that Envoy has.
const LONGEST_TYPE: usize = 256;

/// A type as a stream knows it. Known ones come first, in the order in which they are sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Known(Kind),
    Unknown(String),
}

impl Key {
    /// The type that a request speaks of.
    pub(super) fn of(scope: Scope, type_url: &str) -> Result<Self, Refused> {
        if type_url.len() > LONGEST_TYPE {
            return Err(Refused::LongType(LONGEST_TYPE));
        }
        match (scope, Kind::of_type_url(type_url)) {
            (Scope::One(kind), _) if type_url.is_empty() => Ok(Self::Known(kind)),
            (Scope::Aggregated, _) if type_url.is_empty() => Err(Refused::NoType),
            (Scope::One(own), Some(kind)) if own != kind => Ok(Self::Unknown(type_url.to_owned())),
            (_, Some(kind)) => Ok(Self::Known(kind)),
            (_, None) => Ok(Self::Unknown(type_url.to_owned())),
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
