//! A response of which one resource is wrong.

use reqwest::Method;
use sds::Store;
use serde_json::json;

use crate::common::{ask, start};
use crate::{Transport, put, register};

/// What was right in a response that an Envoy refused arrives once what was wrong is put right.
///
/// An Envoy takes nothing of a response if one resource in it cannot be read.
async fn what_was_right_arrives(transport: Transport) {
    let sds = start(Store::in_memory()).await;
    for name in ["other", "pet"] {
        put(&sds, &format!("/xds/v3/clusters/{name}"), transport.cluster(name, "1s")).await;
    }
    let endpoint = |weight: u32| {
        let address = json!({"socket_address": {"address": "10.0.0.2", "port_value": 1}});
        json!({"cluster_name": "other", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": address}, "load_balancing_weight": weight}]}]})
    };
    put(&sds, "/xds/v3/endpoints/other", endpoint(0)).await;
    register(&sds, &[1]).await;
    let envoy = transport.envoy(&sds, true);
    envoy
        .until("/stats?filter=cluster.other.update_rejected", "refuses", |text| {
            text.trim().ends_with(" 1")
        })
        .await;
    let (_, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
    let is_refused = told["clients"].as_array().unwrap().iter().any(|client| {
        let message = client["types"]["endpoints"]["last_nack"]["message"].as_str();
        message.is_some_and(|message| message.contains("Proto constraint validation failed"))
    });
    assert!(is_refused, "{told}");

    put(&sds, "/xds/v3/endpoints/other", endpoint(1)).await;
    for host in ["other::10.0.0.2:1::", "pet::10.0.0.1:1::"] {
        envoy
            .until("/clusters", "has both hosts", |text| text.contains(host))
            .await;
    }
}

#[tokio::test]
async fn ads() {
    what_was_right_arrives(Transport::Ads).await;
}

#[tokio::test]
async fn delta_ads() {
    what_was_right_arrives(Transport::DeltaAds).await;
}
