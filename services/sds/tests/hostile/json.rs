//! Every surface that takes JSON.

use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use crate::mutation::{any_json, mutated, replaced};
use crate::server::server;

/// A surface, and what holds there.
fn surfaces() -> Vec<(Method, &'static str, Value)> {
    let host = json!({"ip_address": "10.0.0.1", "port": 1,
                      "tags": {"az": "a", "canary": true, "load_balancing_weight": 5, "priority": 1, "health": "draining"}});
    let address = json!({"socket_address": {"address": "10.0.0.1", "port_value": 1}});
    let poll = json!({"version_info": "1", "node": {"id": "a", "cluster": "c"}, "resource_names": ["a", "healthy"],
                      "error_detail": {"code": 3, "message": "no"}});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": [{"name": "router", "typed_config":
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    });
    vec![
        (Method::POST, "/edsservice/a", json!({"hosts": [host]})),
        (Method::PUT, "/edsservice/a", json!({"hosts": [host]})),
        (Method::POST, "/v2/discovery:endpoints", poll.clone()),
        (Method::POST, "/v3/discovery:endpoints", poll.clone()),
        (Method::POST, "/v3/discovery:clusters", poll.clone()),
        (Method::POST, "/v3/discovery:listeners", poll.clone()),
        (Method::POST, "/v3/discovery:routes", poll),
        (
            Method::PUT,
            "/xds/v3/endpoints/a?node_cluster=c",
            json!({"cluster_name": "a", "endpoints": [{"locality": {"zone": "a"}, "priority": 1, "lb_endpoints":
                [{"endpoint": {"address": address}, "metadata": {"filter_metadata": {"envoy.lb": {"canary": true}}}}]}]}),
        ),
        (
            Method::PUT,
            "/xds/v3/clusters/a",
            json!({"name": "a", "type": "EDS", "connect_timeout": "0.25s",
                   "eds_cluster_config": {"eds_config": {"ads": {}}}}),
        ),
        (
            Method::PUT,
            "/xds/v3/listeners/a",
            json!({"name": "a", "address": address,
                   "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}]}),
        ),
        (
            Method::PUT,
            "/xds/v3/routes/a",
            json!({"name": "a", "virtual_hosts": [{"name": "all", "domains": ["*"],
                   "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "a"}}]}]}),
        ),
        (
            Method::PUT,
            "/xds/v3/faults",
            json!({"delay": "1ms", "node_clusters": ["c"]}),
        ),
        (Method::PUT, "/xds/v3/faults", json!({"refuse": 503})),
        (Method::PUT, "/xds/v3/faults", json!({"invalid": true})),
    ]
}

fn bodies(valid: Value) -> impl Strategy<Value = Vec<u8>> {
    let bytes = valid.to_string().into_bytes();
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        2 => any_json().prop_map(|value| value.to_string().into_bytes()),
        4 => replaced(Just(valid)).prop_map(|value| value.to_string().into_bytes()),
        3 => mutated(Just(bytes)),
    ]
}

fn requests() -> impl Strategy<Value = (Method, &'static str, Vec<u8>)> {
    prop::sample::select(surfaces())
        .prop_flat_map(|(method, path, valid)| bodies(valid).prop_map(move |body| (method.clone(), path, body)))
}

/// An answer that tells what is wrong with the request, if anything is, and never that something is with the service.
fn check(method: &Method, path: &str, body: Vec<u8>) {
    let status = server().ask(method.clone(), path, body);
    assert!((200..500).contains(&status), "{method} {path}: {status}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn whatever_is_sent_is_answered(requests in prop::collection::vec(requests(), 1..4)) {
        let server = server();
        let _turn = server.turn();
        for (method, path, body) in requests {
            check(&method, path, body);
            // A poll that a fault keeps waiting is not what this is about.
            server.ask(Method::DELETE, "/xds/v3/faults", Vec::new());
        }
        server.is_healthy();
    }
}

#[test]
fn what_holds_is_taken() {
    let server = server();
    let _turn = server.turn();
    for (method, path, valid) in surfaces() {
        let status = server.ask(method.clone(), path, valid.to_string().into());
        assert!(status < 300 || status == 409, "{method} {path}: {status}");
        server.ask(Method::DELETE, "/xds/v3/faults", Vec::new());
    }
    server.is_healthy();
}

#[test]
fn what_is_deep_or_long_is_refused() {
    let server = server();
    let _turn = server.turn();
    let deep = |open: &str, close: &str| [open.repeat(100_000), close.repeat(100_000)].concat();
    for (method, path, _) in surfaces() {
        for body in [
            deep("[", "]"),
            deep("{\"a\":", "}"),
            format!("{{\"name\": {}", deep("[", "]")),
            format!("{{\"name\": \"a\", \"metadata\": {}}}", deep("{\"a\":", "}")),
            "9".repeat(500_000),
            format!("{{\"name\": \"{}\"}}", "a".repeat(900_000)),
            format!("{{{}}}", "\"a\":1,".repeat(100_000)),
        ] {
            check(&method, path, body.into());
        }
    }
    server.is_healthy();
}
