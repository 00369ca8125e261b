//! Envoy's discovery over REST: a DiscoveryRequest, and its DiscoveryResponse, as proto3 JSON.

mod assignment;
mod request;
mod response;
mod v3;

pub(crate) use assignment::ClusterLoadAssignment;
pub(crate) use request::DiscoveryRequest;
pub(crate) use response::endpoints;
pub(crate) use v3::{resources, wanted};

/// The generations of Envoy's API. Their endpoints differ only in the names of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Envoy before 1.18.
    V2,
    /// Envoy since 1.13.
    V3,
}

impl Api {
    /// The type of the resource that holds a service's endpoints.
    pub(crate) fn endpoint_type(self) -> &'static str {
        match self {
            Self::V2 => "type.googleapis.com/envoy.api.v2.ClusterLoadAssignment",
            Self::V3 => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        }
    }
}
