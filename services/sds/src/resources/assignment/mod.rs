//! A service as Envoy's ClusterLoadAssignment.

mod json;
mod proto;

pub(super) use json::ClusterLoadAssignment;
pub(super) use proto::of_service;
