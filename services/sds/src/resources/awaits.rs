//! What a resource waits for.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Kind;

/// A resource, by type and name, that another one has to be sent on the stream that it came on, before an Envoy uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Awaited {
    pub(crate) kind: Kind,
    pub(crate) name: Arc<str>,
}

/// What a resource, as JSON with Envoy's names of fields, waits for: a cluster for its endpoints, a listener for its routes,
/// each for its secrets. Nothing that it finds in another way.
///
/// It is looked for wherever it may be: routes and secrets are named in filters of many kinds, some of which are within others.
pub(super) fn of(kind: Kind, resource: &Value) -> Box<[Awaited]> {
    let mut found = BTreeSet::new();
    match kind {
        Kind::Clusters => {
            found.extend(endpoints(resource).map(|name| awaited(Kind::Endpoints, name)));
            look(resource, &mut found);
        }
        Kind::Listeners => look(resource, &mut found),
        Kind::Endpoints | Kind::Secrets | Kind::Routes => {}
    }
    found.into_iter().collect()
}

fn awaited(kind: Kind, name: &str) -> Awaited {
    Awaited {
        kind,
        name: name.into(),
    }
}

/// The endpoints of a cluster that discovers them.
fn endpoints(cluster: &Value) -> Option<&str> {
    let discovers = cluster["type"] == "EDS" || cluster["cluster_type"]["name"] == "envoy.cluster.eds";
    let eds = cluster["eds_cluster_config"].as_object().filter(|_| discovers)?;
    if !is_of_the_stream(eds.get("eds_config")) {
        return None;
    }
    let service = text(eds, "service_name").filter(|service| !service.is_empty());
    service.or_else(|| cluster["name"].as_str())
}

fn look(value: &Value, found: &mut BTreeSet<Awaited>) {
    match value {
        Value::Object(fields) => {
            routes(fields, found);
            secret(fields, found);
            fields.values().for_each(|value| look(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, found)),
        _ => {}
    }
}

/// The routes that a filter of HTTP discovers.
fn routes(fields: &Map<String, Value>, found: &mut BTreeSet<Awaited>) {
    if let Some(rds) = object(fields, "rds")
        && is_of_the_stream(get(rds, "config_source"))
        && let Some(name) = text(rds, "route_config_name")
    {
        found.insert(awaited(Kind::Routes, name));
    }
}

fn secret(fields: &Map<String, Value>, found: &mut BTreeSet<Awaited>) {
    if is_of_the_stream(get(fields, "sds_config"))
        && let Some(name) = text(fields, "name")
    {
        found.insert(awaited(Kind::Secrets, name));
    }
}

/// Whether a source of configuration is the stream that the resource itself came on.
fn is_of_the_stream(source: Option<&Value>) -> bool {
    let source = source.and_then(Value::as_object);
    source.is_some_and(|source| source.contains_key("ads") || source.contains_key("self"))
}

/// A field in either of its spellings: what is in a `TypedStruct` is as it was written.
fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let mut parts = name.split('_');
        let mut camel = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (first, rest) = part.split_at(1);
            camel += &first.to_ascii_uppercase();
            camel += rest;
        }
        fields.get(&camel)
    })
}

fn object<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    get(fields, name)?.as_object()
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    get(fields, name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resources::Resource;

    const HCM: &str =
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

    fn names(kind: Kind, mut body: Value) -> Vec<String> {
        body["name"] = json!("x");
        let resource = Resource::from_json(kind, "x", body.to_string().as_bytes()).unwrap();
        let text = |awaited: &Awaited| format!("{} {}", awaited.kind.plural(), awaited.name);
        resource.awaits.iter().map(text).collect()
    }

    fn rds(name: &str, source: &str) -> Value {
        json!({"@type": HCM, "stat_prefix": "s",
            "rds": {"route_config_name": name, "config_source": {source: {}, "resource_api_version": "V3"}}})
    }

    fn chain(config: Value) -> Value {
        json!({"filters": [{"name": "http", "typed_config": config}]})
    }

    fn tls(kind: &str, secrets: &[&str], validation: &str) -> Value {
        let secret = |name: &&str| json!({"name": name, "sds_config": {"ads": {}, "resource_api_version": "V3"}});
        let secrets: Vec<Value> = secrets.iter().map(secret).collect();
        json!({"name": "tls", "typed_config": {"@type": format!("{TLS}.{kind}"), "common_tls_context": {
            "tls_certificate_sds_secret_configs": secrets,
            "combined_validation_context": {"default_validation_context": {}, "validation_context_sds_secret_config": secret(&validation)},
        }}})
    }

    #[test]
    fn a_listener_waits_for_routes_wherever_it_names_them() {
        let listener = json!({
            "filter_chains": [chain(rds("one", "ads")), chain(rds("two", "self")), chain(rds("file", "path_config_source"))],
            "default_filter_chain": chain(rds("three", "ads")),
            "api_listener": {"api_listener": rds("four", "ads")},
        });
        assert_eq!(
            names(Kind::Listeners, listener),
            ["routes four", "routes one", "routes three", "routes two"]
        );
    }

    #[test]
    fn a_filter_that_is_not_typed_is_looked_through_in_either_spelling() {
        let of = |value: Value| {
            let filter =
                json!({"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": HCM, "value": value});
            names(Kind::Listeners, json!({"filter_chains": [chain(filter)]}))
        };
        let snake = json!({"rds": {"route_config_name": "a", "config_source": {"ads": {}}}});
        let camel = json!({"rds": {"routeConfigName": "a", "configSource": {"ads": {}}}});
        assert_eq!(
            (of(snake), of(camel)),
            (vec!["routes a".to_owned()], vec!["routes a".to_owned()])
        );
    }

    #[test]
    fn secrets_are_waited_for_by_listeners_and_clusters() {
        let mut chain = chain(rds("r", "ads"));
        chain["transport_socket"] = tls("DownstreamTlsContext", &["server", "other"], "ca");
        assert_eq!(
            names(Kind::Listeners, json!({"filter_chains": [chain]})),
            ["secrets ca", "secrets other", "secrets server", "routes r"]
        );
        let cluster = json!({"type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}},
            "transport_socket_matches": [{"name": "m", "transport_socket": tls("UpstreamTlsContext", &["client"], "ca")}]});
        assert_eq!(
            names(Kind::Clusters, cluster),
            ["endpoints x", "secrets ca", "secrets client"]
        );
    }

    #[test]
    fn a_cluster_waits_for_endpoints_if_it_discovers_them_on_the_stream() {
        let cluster = |kind: Value, service: &str, source: &str| {
            let eds = json!({"service_name": service, "eds_config": {source: {}}});
            let mut cluster = json!({"eds_cluster_config": eds});
            for (key, value) in kind.as_object().unwrap() {
                cluster[key] = value.clone();
            }
            names(Kind::Clusters, cluster)
        };
        let eds = json!({"type": "EDS"});
        assert_eq!(cluster(eds.clone(), "", "ads"), ["endpoints x"]);
        assert_eq!(cluster(eds.clone(), "a", "self"), ["endpoints a"]);
        assert_eq!(cluster(eds, "a", "path_config_source"), [""; 0]);
        assert_eq!(cluster(json!({"type": "STATIC"}), "a", "ads"), [""; 0]);
        let custom = json!({"cluster_type": {"name": "envoy.cluster.eds"}});
        assert_eq!(cluster(custom, "a", "ads"), ["endpoints a"]);
    }
}
