//! What is discovered, and how.

use std::fmt;

use serde::{Serialize, Serializer};

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
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Clusters => "cluster",
            Self::Endpoints => "endpoints",
            Self::Secrets => "secret",
            Self::Listeners => "listener",
            Self::Routes => "routes",
        }
    }

    /// The field that holds a resource's name.
    pub(super) fn name_field(self) -> &'static str {
        match self {
            Self::Endpoints => "cluster_name",
            Self::Clusters | Self::Secrets | Self::Listeners | Self::Routes => "name",
        }
    }

    /// Whether an Envoy drops a resource that the answer to it leaves out; of the others it keeps what it has.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Clusters | Self::Listeners)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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

/// A way in which an Envoy is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// It polls; each cluster's endpoints by themselves.
    Rest,
    /// A stream for each subscription, State of the World.
    Grpc,
    /// A stream for each subscription, delta.
    DeltaGrpc,
    /// One stream for everything, State of the World.
    Ads,
    /// One stream for everything, delta.
    DeltaAds,
}

impl Transport {
    const ALL: [Self; 5] = [Self::Rest, Self::Grpc, Self::DeltaGrpc, Self::Ads, Self::DeltaAds];

    /// Its name, as the discovery service and scenarios have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::DeltaGrpc => "delta-grpc",
            Self::Ads => "ads",
            Self::DeltaAds => "delta-ads",
        }
    }

    /// The transport of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }

    /// Whether one stream serves all types.
    pub(super) fn is_aggregated(self) -> bool {
        matches!(self, Self::Ads | Self::DeltaAds)
    }

    /// Whether a stream cannot say that a resource is gone, where an answer is not the whole truth.
    pub(super) fn is_state_of_the_world(self) -> bool {
        matches!(self, Self::Grpc | Self::Ads)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
