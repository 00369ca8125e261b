//! Envoy's endpoint discovery over REST: a DiscoveryRequest, and the registry's DiscoveryResponse, as proto3 JSON.

mod assignment;
mod request;
mod response;

pub(crate) use request::DiscoveryRequest;
pub(crate) use response::endpoints;

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
