//! The descriptors of Envoy's API: what turns proto3 JSON into bytes and back.

use std::sync::OnceLock;

use prost_reflect::{DescriptorError, DescriptorPool};

/// Every message of Envoy's v3 configuration and extensions, compiled from the files that `envoy-types` is made of.
/// `tests/descriptors.rs` writes it, and tells when it is out of date.
const SET: &[u8] = include_bytes!("../../descriptors/envoy-v3.binpb");

/// Decoded once, at the first use.
pub(super) fn pool() -> Result<&'static DescriptorPool, &'static DescriptorError> {
    static POOL: OnceLock<Result<DescriptorPool, DescriptorError>> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(SET)).as_ref()
}
