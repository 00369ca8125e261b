//! What is asked for, served or not.

use meshkat_discovery::Kind;
use serde::{Serialize, Serializer};

/// A type that an Envoy asks for, be it served or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One that is served.
    Served(Kind),
    /// One that the discovery service does not serve, by the URL of its message.
    Other(String),
}

impl Topic {
    /// Its name in tables and in JSON.
    pub fn name(&self) -> &str {
        match self {
            Self::Served(kind) => kind.name(),
            Self::Other(url) => url.rsplit_once('/').map_or(url, |(_, name)| name),
        }
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
