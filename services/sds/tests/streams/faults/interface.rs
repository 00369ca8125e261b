//! `/xds/v3/faults` itself.

use meshkat_kit::testing::Binary;
use reqwest::Method;
use sds::Store;
use serde_json::json;

use super::{begin, end, faulty, metric, poll, settings};
use crate::common::{ask, start};
use crate::setting::{Kind, Setting};

const PATH: &str = "/xds/v3/faults";

#[tokio::test]
async fn without_being_asked_for_there_are_no_faults() {
    let sds = start(Store::in_memory()).await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(ask(sds.url(PATH), method, r#"{"cut": true}"#).await.0, 404);
    }
    let setting = Setting {
        sds,
        kind: Kind::Clusters,
        aggregated: false,
    };
    assert_eq!(poll(&setting).await.unwrap().0, 200);
}

#[tokio::test]
async fn the_flag_of_the_binary_allows_them() {
    let binary = Binary::start(env!("CARGO_BIN_EXE_sds"), &["--allow-faults"]);
    assert_eq!(ask(binary.url(PATH), Method::GET, "").await, (200, json!({})));
}

#[tokio::test]
async fn a_fault_is_set_told_replaced_and_ended() {
    let sds = faulty().await;
    let setting = Setting {
        sds,
        kind: Kind::Clusters,
        aggregated: false,
    };
    let told = async || ask(setting.sds.url(PATH), Method::GET, "").await;
    let in_force = async |kind: &str| metric(&setting, &format!("sds_fault{{kind=\"{kind}\"}}")).await;
    assert_eq!(told().await, (200, json!({})));
    end(&setting).await;
    begin(&setting, json!({"delay": "1s", "node_clusters": ["nobody"]})).await;
    assert_eq!(told().await.1, json!({"delay": "1s", "node_clusters": ["nobody"]}));
    assert_eq!((in_force("Delay").await, in_force("Refuse").await), (1, 0));
    begin(&setting, json!({"refuse": 503})).await;
    assert_eq!(told().await.1, json!({"refuse": 503}));
    assert_eq!((in_force("Delay").await, in_force("Refuse").await), (0, 1));
    end(&setting).await;
    assert_eq!(told().await, (200, json!({})));
    assert_eq!(in_force("Refuse").await, 0);
}

#[tokio::test]
async fn what_does_not_hold_is_a_400_that_names_the_field_and_changes_nothing() {
    let sds = faulty().await;
    let fault = json!({"empty": true});
    ask(sds.url(PATH), Method::PUT, &fault.to_string()).await;
    for (body, named) in [
        ("", "EOF"),
        ("[]", "object"),
        (r#"{"cutt": true}"#, "cutt"),
        (r#"{"cut": 1}"#, "cut"),
        (r#"{"cut": false}"#, "cut"),
        (r#"{"refuse": 200}"#, "refuse"),
        (r#"{"delay": "soon"}"#, "delay"),
        (r#"{"cut": true, "hang": true}"#, "not 2"),
        (r#"{"cut": true, "node_clusters": []}"#, "node_clusters"),
        (r#"{"cut": true, "node_clusters": [1]}"#, "node_clusters[0]"),
    ] {
        let (status, problem) = ask(sds.url(PATH), Method::PUT, body).await;
        assert_eq!(status, 400, "{body}");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{problem}");
    }
    assert_eq!(ask(sds.url(PATH), Method::GET, "").await.1, fault);
}

#[tokio::test]
async fn those_who_are_not_meant_notice_nothing() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = super::subscribed(&setting).await;
        for fault in [
            json!({"refuse": 503}),
            json!({"cut": true}),
            json!({"hang": true}),
            json!({"garbage": true}),
            json!({"delay": "1h"}),
        ] {
            let mut fault = fault;
            fault["node_clusters"] = json!(["other"]);
            begin(&setting, fault).await;
            sotw.quiet().await;
            delta.quiet().await;
            super::polled(&setting).await;
        }
        for name in ["demo", "envoy-a"] {
            begin(&setting, json!({"refuse": 503, "node_clusters": [name]})).await;
            assert_eq!(poll(&setting).await.unwrap().0, 503);
        }
        assert_eq!(sotw.ended().await.code(), tonic::Code::Unavailable);
        assert_eq!(delta.ended().await.code(), tonic::Code::Unavailable);
    }
}
