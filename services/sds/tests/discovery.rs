//! Discovery by REST over real sockets.

mod common;

use common::{ask, start};
use meshkat_kit::testing::Running;
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

const V2: &str = "type.googleapis.com/envoy.api.v2.ClusterLoadAssignment";
const V3: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

async fn sds() -> Running {
    let sds = start(Store::in_memory()).await;
    put(&sds, "pet", json!([{"ip_address": "10.0.0.1", "port": 10000}])).await;
    sds
}

async fn put(sds: &Running, name: &str, hosts: Value) {
    let (status, _) = ask(
        sds.url(&format!("/edsservice/{name}")),
        Method::PUT,
        &json!({"hosts": hosts}).to_string(),
    )
    .await;
    assert!(status == 200 || status == 201);
}

/// Polls as an Envoy does: with a node that is most of the body.
async fn poll(sds: &Running, version: &str, names: &[&str]) -> (u16, Value) {
    let extensions: Vec<_> = (0..500)
        .map(|number| {
            json!({"name": format!("envoy.extension.number.{number}"), "category": "envoy.filters.http",
                             "type_urls": [format!("envoy.extensions.v3.Extension{number}")]})
        })
        .collect();
    let request = json!({
        "version_info": "",
        "node": {"id": "envoy-a", "cluster": "demo", "user_agent_name": "envoy", "extensions": extensions},
        "resource_names": names,
        "type_url": if version == "v2" { V2 } else { V3 },
    });
    ask(
        sds.url(&format!("/{version}/discovery:endpoints")),
        Method::POST,
        &request.to_string(),
    )
    .await
}

fn names(answer: &Value) -> Vec<&str> {
    answer["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["cluster_name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn both_versions_answer_in_the_shape_of_proto3_json() {
    let sds = sds().await;
    for (version, kind) in [("v2", V2), ("v3", V3)] {
        let (status, mut answer) = poll(&sds, version, &["pet"]).await;
        assert_eq!(status, 200);
        let hash = answer["version_info"].take();
        assert!(hash.as_str().is_some_and(|hash| hash.len() == 16), "{hash}");
        assert_eq!(
            answer,
            json!({
                "version_info": null,
                "resources": [{
                    "@type": kind,
                    "cluster_name": "pet",
                    "endpoints": [{"locality": {}, "load_balancing_weight": 1, "lb_endpoints": [{
                        "endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 10000}}},
                        "load_balancing_weight": 1,
                        "metadata": {"filter_metadata": {"envoy.lb": {"canary": false}}},
                    }]}],
                }],
                "type_url": kind,
            })
        );
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_content_whichever_process_answers() {
    let (first, second) = (sds().await, sds().await);
    let version = async |sds: &Running| poll(sds, "v3", &["pet"]).await.1["version_info"].clone();
    let before = version(&first).await;
    assert_eq!(before, version(&second).await);
    put(&first, "other", json!([])).await;
    assert_eq!(before, version(&first).await);
    put(&first, "pet", json!([{"ip_address": "10.0.0.2", "port": 10000}])).await;
    assert_ne!(before, version(&first).await);
    put(&first, "pet", json!([{"ip_address": "10.0.0.1", "port": 10000}])).await;
    assert_eq!(before, version(&first).await);
}

#[tokio::test]
async fn a_service_without_hosts_is_explicit_and_an_unknown_one_is_left_out() {
    let sds = sds().await;
    put(&sds, "drained", json!([])).await;
    let (_, answer) = poll(&sds, "v3", &["pet", "drained", "unknown", "not:a:name"]).await;
    assert_eq!(names(&answer), ["drained", "pet"]);
    assert_eq!(
        answer["resources"][0],
        json!({"@type": V3, "cluster_name": "drained", "endpoints": []})
    );
}

#[tokio::test]
async fn a_registry_that_lost_everything_takes_nothing_away() {
    // A 200 without the resource: an Envoy keeps the endpoints that it has. An assignment without endpoints would not.
    let empty = start(Store::in_memory()).await;
    let (status, answer) = poll(&empty, "v3", &["pet"]).await;
    assert_eq!((status, &answer["resources"]), (200, &json!([])));
}

#[tokio::test]
async fn no_names_mean_all_services() {
    let sds = sds().await;
    put(&sds, "echo", json!([])).await;
    assert_eq!(names(&poll(&sds, "v3", &[]).await.1), ["echo", "pet"]);
}

#[tokio::test]
async fn what_is_no_discovery_request_is_a_problem() {
    let sds = sds().await;
    let url = || sds.url("/v3/discovery:endpoints");
    for (body, detail) in [
        ("", "EOF"),
        (r#"{"resource_names": "pet"}"#, "resource_names"),
        (
            r#"{"type_url": "type.googleapis.com/envoy.config.cluster.v3.Cluster"}"#,
            "type_url",
        ),
    ] {
        let (status, problem) = ask(url(), Method::POST, body).await;
        assert_eq!(status, 400);
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    assert_eq!(ask(url(), Method::GET, "").await.0, 405);
    assert_eq!(
        ask(url(), Method::POST, &" ".repeat(meshkat_kit::BODY_LIMIT + 1))
            .await
            .0,
        413
    );
}
