//! The types of resources that are served.

use std::fmt;

use serde::Serialize;

/// A type of resource, in the order in which an Envoy takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// CDS.
    Clusters,
    /// EDS.
    Endpoints,
    /// SDS, as Envoy means it: secrets.
    Secrets,
    /// LDS.
    Listeners,
    /// RDS.
    Routes,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Clusters,
        Self::Endpoints,
        Self::Secrets,
        Self::Listeners,
        Self::Routes,
    ];

    /// Its name in paths, such as that of `/v3/discovery:endpoints`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Secrets => "secrets",
            Self::Listeners => "listeners",
            Self::Routes => "routes",
        }
    }

    /// One resource of it, in a sentence.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Clusters => "cluster",
            Self::Endpoints => "endpoints",
            Self::Secrets => "secret",
            Self::Listeners => "listener",
            Self::Routes => "routes",
        }
    }

    /// The field that holds a resource's name.
    pub fn name_field(self) -> &'static str {
        match self {
            Self::Endpoints => "cluster_name",
            Self::Clusters | Self::Secrets | Self::Listeners | Self::Routes => "name",
        }
    }

    /// Whether an Envoy drops a resource that the answer to it leaves out; of the others it keeps what it has.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Clusters | Self::Listeners)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
