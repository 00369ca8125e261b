//! The ways in which Envoys are fed.

use std::fmt;

use serde::Serialize;

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
    pub fn is_aggregated(self) -> bool {
        matches!(self, Self::Ads | Self::DeltaAds)
    }

    /// Whether a stream cannot say that a resource is gone, where an answer is not the whole truth.
    pub fn is_state_of_the_world(self) -> bool {
        matches!(self, Self::Grpc | Self::Ads)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
