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
    let config = custom.and_then(|custom| get(custom, "typed_config"));
    let message = config.and_then(|config| get(config, "@type")).and_then(Value::as_str);
    // Envoy goes by the kind of the message; the name beside it may be any.
    let is_dns = message.is_some_and(|message| message.ends_with(".DnsCluster"));
    match (kind, extension) {
        _ if is_dns => of_dns(config),
        (Some("LOGICAL_DNS"), _) | (_, Some("envoy.cluster.logical_dns")) => Naming::Logical,
        (Some("STRICT_DNS"), _) | (_, Some("envoy.cluster.strict_dns")) => Naming::Strict,
        (_, Some("envoy.clusters.dns" | "envoy.cluster.dns")) => of_dns(config),
        _ => Naming::None,
    }
}

/// What it means by a `DnsCluster`.
fn of_dns(config: Option<&Value>) -> Naming {
    let single = config.and_then(|config| get(config, "all_addresses_in_single_endpoint"));
    match single.and_then(Value::as_bool) {
        Some(true) => Naming::Logical,
        _ => Naming::Strict,
    }
}

/// Whether a cluster takes the first address of a name alone.
pub(super) fn takes_the_first(cluster: &Value) -> bool {
    naming(cluster) == Naming::Logical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_known_by_its_configuration_and_not_by_its_name() {
        let dns = "'@type': type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster";
        let other = "'@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig";
        for (cluster, found) in [
            ("type: STRICT_DNS".to_owned(), Naming::Strict),
            ("type: STATIC".to_owned(), Naming::None),
            (
                "cluster_type: {name: envoy.cluster.logical_dns}".to_owned(),
                Naming::Logical,
            ),
            (
                format!("cluster_type: {{name: my.dns, typed_config: {{{dns}}}}}"),
                Naming::Strict,
            ),
            (
                format!("clusterType: {{name: my.dns, typedConfig: {{{dns}, allAddressesInSingleEndpoint: true}}}}"),
                Naming::Logical,
            ),
            (
                format!("cluster_type: {{name: envoy.cluster.logical_dns, typed_config: {{{dns}}}}}"),
                Naming::Strict,
            ),
            (
                format!("cluster_type: {{name: my.dns, typed_config: {{{other}}}}}"),
                Naming::None,
            ),
        ] {
            let cluster = serde_yaml::from_str(&format!("{{{cluster}}}")).unwrap();
            assert_eq!(naming(&cluster), found, "{cluster:?}");
        }
    }
}
