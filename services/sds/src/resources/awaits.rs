//! What a cluster waits for.

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use prost::Message as _;

/// The endpoints, by name, that a cluster has to be sent on the stream that it came on before an Envoy uses it; `None`
/// if there are none, as for a cluster that finds its endpoints in another way.
pub(super) fn endpoints_of(cluster: &[u8]) -> Option<String> {
    let cluster = Cluster::decode(cluster).ok()?;
    if cluster.cluster_discovery_type != Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())) {
        return None;
    }
    let eds = cluster.eds_cluster_config?;
    match eds.eds_config?.config_source_specifier? {
        ConfigSourceSpecifier::Ads(_) | ConfigSourceSpecifier::Self_(_) if eds.service_name.is_empty() => {
            Some(cluster.name)
        }
        ConfigSourceSpecifier::Ads(_) | ConfigSourceSpecifier::Self_(_) => Some(eds.service_name),
        _ => None,
    }
}
