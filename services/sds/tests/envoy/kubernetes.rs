//! A real Envoy, fed from Kubernetes.

use serde_json::json;

use crate::Transport;
use crate::api::{Api, ready, slice};
use crate::setting::{HASTY, Setting};

/// An Envoy that asks before there is anything to tell has the hosts once there is, keeps them while the API server is
/// away, and hears of what became of them.
pub(crate) async fn endpoints(transport: Transport) {
    let mut api = Api::start();
    api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    api.go_away();
    let mut setting = Setting::start(api, HASTY).await;
    setting.says(503, "cannot be reached").await;
    let envoy = transport.envoy(&setting.sds, false);
    envoy
        .until("/stats?filter=cluster.xds.upstream_rq_total", "asks", |text| {
            !text.trim().ends_with(" 0") && !text.is_empty()
        })
        .await;
    setting.api.come_back();
    envoy
        .until("/clusters", "has the host", |text| {
            text.contains("pet::10.0.0.1:10000::health_flags::healthy") && text.contains("zone::eu-1a")
        })
        .await;

    setting.api.go_away();
    setting.is_stale("cannot be reached").await;
    setting.api.put(slice(
        "shop",
        "pet",
        &json!([
            {"addresses": ["10.0.0.1"], "conditions": {"ready": false, "serving": true, "terminating": true}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
            {"addresses": ["10.0.0.3"]},
        ]),
    ));
    let rejected = "/stats?filter=cluster.pet.update_rejected";
    envoy
        .until("/clusters", "keeps the host", |text| {
            text.contains("pet::10.0.0.1:10000::health_flags::healthy")
        })
        .await;
    setting.api.come_back();
    envoy
        .until("/clusters", "knows who is healthy", |text| {
            text.contains("pet::10.0.0.1:10000::health_flags::/eds_status_draining")
                && text.contains("pet::10.0.0.2:10000::health_flags::/failed_eds_health")
                && text.contains("pet::10.0.0.3:10000::health_flags::healthy")
        })
        .await;
    // Nothing came under another name than it was asked for.
    envoy
        .until(rejected, "refuses nothing", |text| text.trim().ends_with(" 0"))
        .await;
}
