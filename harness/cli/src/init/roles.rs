//! Which of our services answers for a cluster, by what a configuration asks it for.

use std::collections::BTreeMap;

use meshkat_envoy::config::Bootstrap;
use serde_yaml::Value;

/// Who answers where nothing else is asked for.
pub(super) const USUAL: &str = "echo";

/// Who refuses everything until told what is allowed.
pub(super) const GUARD: &str = "authz";

/// Parts of the types of Envoy that ask somebody else, each with the service of ours that speaks their protocol.
const ROLES: [(&str, &str); 9] = [
    (".filters.http.ext_authz.", GUARD),
    (".filters.network.ext_authz.", GUARD),
    (".filters.http.ratelimit.", "ratelimit"),
    (".filters.network.ratelimit.", "ratelimit"),
    (".config.trace.v3.ZipkinConfig", "collector"),
    (".config.trace.v3.OpenTelemetryConfig", "collector"),
    (".access_loggers.grpc.", "collector"),
    (".access_loggers.open_telemetry.", "collector"),
    (".stat_sinks.open_telemetry.", "collector"),
];

/// Keys that name the cluster that is asked.
const CLUSTERS: [&str; 3] = ["cluster", "cluster_name", "collector_cluster"];

/// The service for each cluster that is asked for something that `echo` cannot answer.
pub(super) fn of(config: &Bootstrap) -> BTreeMap<String, &'static str> {
    let mut roles = BTreeMap::new();
    look(config.document(), None, &mut roles);
    roles
}

fn look(value: &Value, role: Option<&'static str>, roles: &mut BTreeMap<String, &'static str>) {
    match value {
        Value::Mapping(map) => {
            let of_type = map.get("@type").and_then(Value::as_str);
            let own = of_type.map(|name| {
                ROLES
                    .iter()
                    .find(|(part, _)| name.contains(part))
                    .map(|(_, role)| *role)
            });
            // What stands inside has a type of its own, or belongs to this one.
            let role = own.unwrap_or(role);
            for (key, value) in map {
                let names_a_cluster = key.as_str().is_some_and(|key| CLUSTERS.contains(&key));
                match (role, value.as_str()) {
                    (Some(role), Some(cluster)) if names_a_cluster => drop(roles.insert(cluster.to_owned(), role)),
                    _ => look(value, role, roles),
                }
            }
        }
        Value::Sequence(all) => all.iter().for_each(|value| look(value, role, roles)),
        _ => {}
    }
}
