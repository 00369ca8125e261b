//! `/edsservice` and what else there is over real sockets, but for discovery.

mod common;

use common::{ask, client, start};
use meshkat_kit::testing::Running;
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

const ONE: &str =
    r#"{"hosts":[{"ip_address":"10.0.0.1","port":8081,"tags":{"az":"a","canary":false,"load_balancing_weight":50}}]}"#;
const NONE: &str = r#"{"hosts":[]}"#;

async fn sds() -> Running {
    start(Store::in_memory()).await
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_service_is_created_replaced_and_deleted() {
    let sds = sds().await;
    let url = || sds.url("/edsservice/pet");
    assert_eq!(ask(url(), Method::GET, "").await.0, 404);
    assert_eq!(ask(url(), Method::DELETE, "").await.0, 404);
    assert_eq!(ask(url(), Method::POST, ONE).await, (201, value(ONE)));
    assert_eq!(ask(url(), Method::POST, NONE).await.0, 409);
    assert_eq!(ask(url(), Method::GET, "").await, (200, value(ONE)));
    assert_eq!(ask(url(), Method::PUT, NONE).await, (200, value(NONE)));
    assert_eq!(ask(url(), Method::GET, "").await, (200, value(NONE)));
    assert_eq!(ask(url(), Method::DELETE, "").await, (204, Value::Null));
    assert_eq!(ask(url(), Method::GET, "").await.0, 404);
    assert_eq!(ask(url(), Method::PUT, ONE).await, (201, value(ONE)));
}

#[tokio::test]
async fn all_services_are_listed() {
    let sds = sds().await;
    assert_eq!(
        ask(sds.url("/edsservice"), Method::GET, "").await,
        (200, json!({"services": {}}))
    );
    ask(sds.url("/edsservice/pet"), Method::PUT, ONE).await;
    ask(sds.url("/edsservice/echo"), Method::PUT, NONE).await;
    assert_eq!(
        ask(sds.url("/edsservice"), Method::GET, "").await,
        (200, json!({"services": {"echo": value(NONE), "pet": value(ONE)}}))
    );
}

#[tokio::test]
async fn what_does_not_hold_changes_nothing() {
    let sds = sds().await;
    ask(sds.url("/edsservice/pet"), Method::PUT, ONE).await;
    let too_long = format!("{}{NONE}", " ".repeat(meshkat_kit::BODY_LIMIT));
    for (body, status, detail) in [
        ("", 400, "EOF"),
        (
            "{\"hosts\":[\n{\"ip_address\":\"10.0.0.1\" \"port\":1}]}",
            400,
            "line 2 column 26",
        ),
        ("[[]]", 400, "not an array"),
        ("{}", 400, "missing field `hosts`"),
        (r#"{"hosts":[],"host":[]}"#, 400, "unknown field `host`"),
        (
            r#"{"hosts":[{"ip_address":"pet","port":1}]}"#,
            400,
            "hosts[0].ip_address",
        ),
        (
            r#"{"hosts":[{"ip_address":"10.0.0.1","port":1},{"ip_address":"10.0.0.1","port":1}]}"#,
            400,
            "twice",
        ),
        (too_long.as_str(), 413, "at most 1048576 bytes"),
    ] {
        for (method, name) in [(Method::PUT, "pet"), (Method::PUT, "new"), (Method::POST, "new")] {
            let (found, problem) = ask(sds.url(&format!("/edsservice/{name}")), method, body).await;
            assert_eq!(found, status, "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
            if status == 400 {
                assert!(problem["line"].is_u64() && problem["column"].is_u64(), "{problem}");
            }
        }
    }
    assert_eq!(
        ask(sds.url("/edsservice"), Method::GET, "").await.1,
        json!({"services": {"pet": value(ONE)}})
    );
}

#[tokio::test]
async fn a_name_that_is_none_is_a_problem() {
    let sds = sds().await;
    for name in ["a%20b", "-a", "a..b", "%ff", &"a".repeat(254)] {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            let (status, problem) = ask(sds.url(&format!("/edsservice/{name}")), method.clone(), NONE).await;
            assert_eq!((status, &problem["status"]), (400, &json!(400)), "{method} {name}");
        }
    }
    assert_eq!(
        ask(sds.url("/edsservice"), Method::GET, "").await.1,
        json!({"services": {}})
    );
}

#[tokio::test]
async fn version_1_has_every_tag_of_every_host() {
    let sds = sds().await;
    let hosts =
        r#"{"hosts":[{"ip_address":"10.0.0.1","port":80},{"ip_address":"10.0.0.2","port":80,"tags":{"az":"b"}}]}"#;
    ask(sds.url("/edsservice/pet"), Method::PUT, hosts).await;
    assert_eq!(
        ask(sds.url("/v1/registration/pet"), Method::GET, "").await,
        (
            200,
            json!({"hosts": [
                {"ip_address": "10.0.0.1", "port": 80, "tags": {"az": "", "canary": false, "load_balancing_weight": 1}},
                {"ip_address": "10.0.0.2", "port": 80, "tags": {"az": "b", "canary": false, "load_balancing_weight": 1}},
            ]})
        )
    );
    assert_eq!(ask(sds.url("/v1/registration/unknown"), Method::GET, "").await.0, 404);
    assert_eq!(ask(sds.url("/v1/registration/pet"), Method::PUT, hosts).await.0, 405);
}

#[tokio::test]
async fn it_is_ready_and_counts_what_it_does() {
    let sds = sds().await;
    assert_eq!(client().get(sds.url("/readyz")).send().await.unwrap().status(), 200);
    ask(sds.url("/edsservice/pet"), Method::PUT, ONE).await;
    ask(sds.url("/edsservice/pet"), Method::PUT, ONE).await;
    ask(sds.url("/edsservice/unknown"), Method::DELETE, "").await;
    ask(sds.url("/v1/registration/unknown"), Method::GET, "").await;
    let first = ask(sds.url("/v3/discovery:endpoints"), Method::POST, "{}").await.1;
    let again = json!({"version_info": first["version_info"]}).to_string();
    ask(sds.url("/v3/discovery:endpoints"), Method::POST, &again).await;

    let response = client().get(sds.url("/metrics")).send().await.unwrap();
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = response.text().await.unwrap();
    for line in [
        r#"sds_requests_total{surface="Registry",status="201"} 1"#,
        r#"sds_requests_total{surface="Registry",status="200"} 1"#,
        r#"sds_requests_total{surface="Registry",status="404"} 1"#,
        r#"sds_requests_total{surface="V1",status="404"} 1"#,
        r#"sds_requests_total{surface="V3",status="200"} 2"#,
        r#"sds_discovery_responses_total{surface="V3"} 2"#,
        r#"sds_discovery_resources_total{surface="V3"} 2"#,
        r#"sds_discovery_unchanged_total{surface="V3"} 1"#,
        r#"sds_registry_changes_total{outcome="Created"} 1"#,
        r#"sds_registry_changes_total{outcome="Replaced"} 1"#,
        "sds_registry_services 1",
        "sds_registry_hosts 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
