//! The ways in which an Envoy can be fed.

use prometheus_client::encoding::EncodeLabelValue;

use crate::protocol::Scope;

/// A way in which an Envoy is fed with version 3 of its API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Transport {
    Rest,
    Grpc,
    DeltaGrpc,
    Ads,
    DeltaAds,
}

impl Transport {
    pub(crate) fn sotw(scope: Scope) -> Self {
        match scope {
            Scope::Aggregated => Self::Ads,
            Scope::One(_) => Self::Grpc,
        }
    }

    pub(crate) fn delta(scope: Scope) -> Self {
        match scope {
            Scope::Aggregated => Self::DeltaAds,
            Scope::One(_) => Self::DeltaGrpc,
        }
    }

    /// How people and scenarios call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::DeltaGrpc => "delta-grpc",
            Self::Ads => "ads",
            Self::DeltaAds => "delta-ads",
        }
    }
}
