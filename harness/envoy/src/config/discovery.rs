//! Which clusters a configuration asks for discovery.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::{
    Bootstrap,
    value::{dig, get, items, text},
};

impl Bootstrap {
    /// The names of the clusters that it asks for clusters, listeners, routes, endpoints or secrets, wherever in it: over REST,
    /// gRPC or an aggregated stream.
    pub fn discovery_clusters(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        look(self.document(), &mut found);
        found
    }
}

impl Bootstrap {
    /// Whether an Envoy of it that hears nothing from its discovery service waits for ever, and not for the 15 s that are Envoy's
    /// default or for another time: an `initial_fetch_timeout` of 0 disables it (`config.core.v3.ConfigSource`).
    pub fn waits_for_ever(&self) -> bool {
        waits(self.document())
    }
}

fn waits(value: &Value) -> bool {
    match value {
        Value::Mapping(fields) => {
            let limit = text(value, "initial_fetch_timeout");
            let is_none = |limit: String| limit.trim_end_matches('s').parse() == Ok(0.0);
            limit.is_some_and(is_none) || fields.values().any(waits)
        }
        Value::Sequence(items) => items.iter().any(waits),
        _ => false,
    }
}

fn look(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(fields) => {
            for source in ["api_config_source", "ads_config"]
                .iter()
                .filter_map(|name| get(value, name))
            {
                let names = items(source, "cluster_names").iter().filter_map(Value::as_str);
                found.extend(names.map(str::to_owned));
                let services = items(source, "grpc_services").iter();
                found.extend(services.filter_map(|service| text(dig(service, &["envoy_grpc"])?, "cluster_name")));
            }
            fields.values().for_each(|value| look(value, found));
        }
        Value::Sequence(items) => items.iter().for_each(|value| look(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Bootstrap;

    #[test]
    fn who_waits_for_ever_is_told_from_who_waits_long() {
        let waits = |limit: &str| {
            let text = format!(
                "static_resources: {{clusters: [{{name: a, eds_cluster_config: {{eds_config: {{ads: {{}}, {limit}}}}}}}]}}"
            );
            Bootstrap::parse(Path::new("x.yaml"), &text).unwrap().waits_for_ever()
        };
        assert!(waits("initial_fetch_timeout: 0s") && waits("initialFetchTimeout: 0.000s"));
        assert!(!waits("initial_fetch_timeout: 0.5s") && !waits("resource_api_version: V3"));
    }

    #[test]
    fn every_way_to_ask_is_found_in_both_spellings() {
        let text = "
dynamic_resources:
  ads_config: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: ads}}]}
  lds_config: {ads: {}}
static_resources:
  clusters:
  - {name: a, eds_cluster_config: {eds_config: {api_config_source: {api_type: REST, cluster_names: [rest]}}}}
  - {name: b, edsClusterConfig: {edsConfig: {apiConfigSource: {apiType: GRPC, grpcServices: [{envoyGrpc: {clusterName: grpc}}]}}}}
  - {name: c, load_assignment: {cluster_name: c}}
";
        let config = Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
        assert_eq!(
            config.discovery_clusters().into_iter().collect::<Vec<_>>(),
            ["ads", "grpc", "rest"]
        );
    }
}
