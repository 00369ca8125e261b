//! What a host name means in a cluster.

use serde_yaml::Value;

use super::value::get;

/// How many addresses a name gives, as the kind of a cluster says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// It is found by other means; a name is a mistake that is mended.
    None,
    /// Each address is an endpoint.
    Strict,
    /// The first address is the endpoint.
    Logical,
}

/// What it means in this cluster.
pub(super) fn naming(cluster: &Value) -> Naming {
    let kind = get(cluster, "type").and_then(Value::as_str);
    let custom = get(cluster, "cluster_type");
    let extension = custom.and_then(|custom| get(custom, "name")).and_then(Value::as_str);
    match (kind, extension) {
        (Some("LOGICAL_DNS"), _) | (_, Some("envoy.cluster.logical_dns")) => Naming::Logical,
        (Some("STRICT_DNS"), _) | (_, Some("envoy.cluster.strict_dns")) => Naming::Strict,
        (_, Some("envoy.clusters.dns" | "envoy.cluster.dns")) => {
            let config = custom.and_then(|custom| get(custom, "typed_config"));
            let single = config.and_then(|config| get(config, "all_addresses_in_single_endpoint"));
            match single.and_then(Value::as_bool) {
                Some(true) => Naming::Logical,
                _ => Naming::Strict,
            }
        }
        _ => Naming::None,
    }
}

/// Whether a cluster takes the first address of a name alone.
pub(super) fn takes_the_first(cluster: &Value) -> bool {
    naming(cluster) == Naming::Logical
}
