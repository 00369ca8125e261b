//! A real gRPC client (`xds:///`), which is stricter than Envoy in what it takes (gRFC A27): what the discovery service makes
//! itself suits it.

#[path = "../common/mod.rs"]
mod common;
mod python;

#[expect(dead_code, reason = "the API server is tried out elsewhere")]
#[path = "../kubernetes/api.rs"]
mod api;
#[expect(dead_code, reason = "the API server is tried out elsewhere")]
#[path = "../kubernetes/setting.rs"]
mod setting;

use api::{Api, slice};
use common::{ask, start};
use meshkat_kit::testing::Running;
use python::{Peer, grpcio};
use reqwest::Method;
use sds::{KubernetesSettings, Store};
use serde_json::{Value, json};
use setting::{HASTY, Setting};

const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

async fn put(sds: &Running, path: &str, body: Value) {
    let (status, answer) = ask(sds.url(path), Method::PUT, &body.to_string()).await;
    assert!(status == 200 || status == 201, "{path}: {answer}");
}

/// What a client needs to come to a cluster whose endpoints are discovered, each under the same name.
async fn lead_to(sds: &Running, name: &str, endpoints: &str) {
    let ads = json!({"ads": {}, "resource_api_version": "V3"});
    let manager = json!({
        "@type": HCM,
        "rds": {"route_config_name": name, "config_source": ads},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    });
    put(
        sds,
        &format!("/xds/v3/listeners/{name}"),
        json!({"name": name, "api_listener": {"api_listener": manager}}),
    )
    .await;
    let route = json!({"match": {"prefix": ""}, "route": {"cluster": name}});
    put(
        sds,
        &format!("/xds/v3/routes/{name}"),
        json!({"name": name, "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]}),
    )
    .await;
    let eds = json!({"service_name": endpoints, "eds_config": ads});
    put(
        sds,
        &format!("/xds/v3/clusters/{name}"),
        json!({"name": name, "type": "EDS", "lb_policy": "ROUND_ROBIN", "eds_cluster_config": eds}),
    )
    .await;
}

/// Calls on a thread of its own: the service is to answer meanwhile.
async fn call(mut peer: Peer, name: &'static str) -> (Peer, String) {
    tokio::task::spawn_blocking(move || {
        let answer = peer.call(name);
        (peer, answer)
    })
    .await
    .unwrap()
}

async fn refusals(sds: &Running) -> Vec<Value> {
    let (_, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
    let clients = told["clients"].as_array().unwrap().iter();
    let types = clients.flat_map(|client| client["types"].as_object().unwrap().values());
    types
        .map(|of| of["last_nack"].clone())
        .filter(|nack| !nack.is_null())
        .collect()
}

/// The hosts of a service whose server listens at a port.
type Hosts = fn(u16) -> Value;

async fn registered(names: &[(&'static str, Hosts)]) {
    let Some(grpcio) = grpcio() else { return };
    let sds = start(Store::in_memory()).await;
    let mut peer = Peer::start(grpcio, &sds.address().to_string());
    for (name, hosts) in names {
        put(&sds, &format!("/edsservice/{name}"), json!({"hosts": hosts(peer.port)})).await;
        lead_to(&sds, name, name).await;
        let answer;
        (peer, answer) = call(peer, name).await;
        assert_eq!(answer, "I am pet", "{name}: {:?}", refusals(&sds).await);
        assert_eq!(refusals(&sds).await, [Value::Null; 0], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_only_registered_is_called() {
    registered(&[("pet", |port| json!([{"ip_address": "127.0.0.1", "port": port}]))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_and_priorities_of_all_kinds_are_taken() {
    registered(&[
        ("zones", |port| {
            json!([{"ip_address": "127.0.0.1", "port": port, "tags": {"az": "a", "load_balancing_weight": 3}},
                   {"ip_address": "127.0.0.1", "port": 1, "tags": {"health": "unhealthy"}}])
        }),
        ("last", |port| json!([{"ip_address": "127.0.0.1", "port": port, "tags": {"priority": 5}}])),
        ("gap", |port| {
            json!([{"ip_address": "127.0.0.1", "port": 1, "tags": {"priority": 2, "health": "unhealthy"}},
                   {"ip_address": "127.0.0.1", "port": port, "tags": {"az": "b", "priority": 7}},
                   {"ip_address": "127.0.0.1", "port": 2, "tags": {"priority": 9, "health": "draining"}}])
        }),
        ("heavy", |port| {
            json!([{"ip_address": "127.0.0.1", "port": port, "tags": {"az": "a", "load_balancing_weight": u32::MAX}},
                   {"ip_address": "127.0.0.1", "port": 1, "tags": {"az": "b", "load_balancing_weight": u32::MAX, "health": "unhealthy"}}])
        }),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_only_found_in_the_slices_of_kubernetes_is_called() {
    let Some(grpcio) = grpcio() else { return };
    // The service is there before its port can be told, so it is told by the slice.
    let api = Api::start();
    let settings = KubernetesSettings {
        pace: HASTY,
        ..KubernetesSettings::default()
    };
    let setting = Setting::with(api, settings).await;
    setting.followed().await;
    let mut peer = Peer::start(grpcio, &setting.sds.address().to_string());
    for (service, zone) in [("pet", json!("eu-1a")), ("zoneless", Value::Null)] {
        let endpoints = json!([
            {"addresses": ["127.0.0.1"], "zone": zone},
            {"addresses": ["127.0.0.2"], "conditions": {"ready": false}},
        ]);
        let mut found = slice("shop", service, &endpoints);
        found["ports"] = json!([{"name": "grpc", "port": peer.port}]);
        setting.api.put(found);
        let name = if service == "pet" {
            "pet.shop:grpc"
        } else {
            "zoneless:grpc"
        };
        setting.has(name, Some(&["127.0.0.1", "127.0.0.2"])).await;
        lead_to(&setting.sds, service, name).await;
        let answer;
        (peer, answer) = call(peer, if service == "pet" { "pet" } else { "zoneless" }).await;
        assert_eq!(answer, "I am pet", "{service}: {:?}", refusals(&setting.sds).await);
        assert_eq!(refusals(&setting.sds).await, [Value::Null; 0], "{service}");
    }
}
