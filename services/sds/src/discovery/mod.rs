//! Envoy's discovery over REST: a DiscoveryRequest, and its DiscoveryResponse, as proto3 JSON.

mod request;
mod response;

pub(crate) use request::DiscoveryRequest;
pub(crate) use response::{V2_ENDPOINTS, endpoints_v2, resources, wanted};
