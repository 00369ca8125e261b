//! A real Envoy, fed over every transport.

mod any;
#[path = "../common/mod.rs"]
mod common;
mod faults;
#[path = "../common/envoy.rs"]
mod found;
mod kubernetes;
mod process;
mod refused;
mod secrets;
mod waiting;

#[expect(dead_code, reason = "the API server is tried out elsewhere")]
#[path = "../kubernetes/api.rs"]
mod api;
#[expect(dead_code, reason = "the API server is tried out elsewhere")]
#[path = "../kubernetes/setting.rs"]
mod setting;

use common::{ask, start};
use meshkat_kit::testing::Running;
use process::Envoy;
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Rest,
    Grpc,
    DeltaGrpc,
    Ads,
    DeltaAds,
}

use Transport::{Ads, DeltaAds, DeltaGrpc, Grpc, Rest};

impl Transport {
    fn api_type(self) -> &'static str {
        match self {
            Rest => "REST",
            Grpc | Ads => "GRPC",
            DeltaGrpc | DeltaAds => "DELTA_GRPC",
        }
    }

    fn grpc(self) -> Value {
        json!({
            "api_type": self.api_type(),
            "transport_api_version": "V3",
            "set_node_on_first_message_only": true,
            "grpc_services": [{"envoy_grpc": {
                "cluster_name": "xds",
                "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
            }}],
        })
    }

    /// How a resource is to be asked for.
    fn source(self) -> Value {
        let source = match self {
            Rest => json!({"api_config_source": {
                "api_type": "REST",
                "transport_api_version": "V3",
                "cluster_names": ["xds"],
                "refresh_delay": "0.02s",
                "request_timeout": "1s",
            }}),
            Grpc | DeltaGrpc => json!({"api_config_source": self.grpc()}),
            Ads | DeltaAds => json!({"ads": {}}),
        };
        let mut source = source;
        source["resource_api_version"] = json!("V3");
        source
    }

    /// An Envoy with one static cluster whose endpoints are discovered, or with everything discovered.
    fn envoy(self, sds: &Running, all: bool) -> Envoy {
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": sds.address().port()}});
        let mut xds = json!({
            "name": "xds",
            "type": "STATIC",
            "connect_timeout": "0.25s",
            "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
        });
        if self != Rest {
            xds["typed_extension_protocol_options"] = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }});
        }
        let clusters = if all {
            json!([xds])
        } else {
            json!([xds, self.cluster("pet", "0.25s")])
        };
        let mut dynamic = json!({});
        if matches!(self, Ads | DeltaAds) {
            dynamic["ads_config"] = self.grpc();
        }
        if all {
            dynamic["cds_config"] = self.source();
            dynamic["lds_config"] = self.source();
        }
        Envoy::start(json!({
            "node": {"id": "envoy-a", "cluster": "demo"},
            "dynamic_resources": dynamic,
            "static_resources": {"clusters": clusters},
        }))
    }

    fn cluster(self, name: &str, timeout: &str) -> Value {
        json!({"name": name, "type": "EDS", "connect_timeout": timeout, "eds_cluster_config": {"eds_config": self.source()}})
    }

    /// A listener whose routes are discovered too.
    fn listener(self) -> Value {
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "rds": {"route_config_name": "to-pet", "config_source": self.source()},
            "http_filters": [{"name": "router", "typed_config":
                {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        });
        json!({
            "name": "in",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
        })
    }
}

fn routes() -> Value {
    json!({"name": "to-pet", "virtual_hosts": [
        {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "pet"}}]},
    ]})
}

async fn put(sds: &Running, path: &str, body: Value) {
    let (status, answer) = ask(sds.url(path), Method::PUT, &body.to_string()).await;
    assert!(status == 200 || status == 201, "{path}: {answer}");
}

async fn register(sds: &Running, ports: &[u16]) {
    let hosts: Vec<_> = ports
        .iter()
        .map(|port| json!({"ip_address": "10.0.0.1", "port": port}))
        .collect();
    put(sds, "/edsservice/pet", json!({"hosts": hosts})).await;
}

/// A host that is put arrives, one that is taken away goes, and what Envoy refuses is heard.
async fn endpoints(transport: Transport) {
    let sds = start(Store::in_memory()).await;
    register(&sds, &[1]).await;
    let envoy = transport.envoy(&sds, false);
    envoy
        .until("/clusters", "has the first host", |text| {
            text.contains("pet::10.0.0.1:1::")
        })
        .await;
    register(&sds, &[1, 2]).await;
    envoy
        .until("/clusters", "has the second host", |text| {
            text.contains("pet::10.0.0.1:2::")
        })
        .await;
    register(&sds, &[2]).await;
    envoy
        .until("/clusters", "lost the first host", |text| {
            !text.contains("pet::10.0.0.1:1::")
        })
        .await;
    register(&sds, &[]).await;
    envoy
        .until("/clusters", "is drained", |text| !text.contains("pet::10.0.0.1"))
        .await;

    let (_, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
    let client = told["clients"]
        .as_array()
        .unwrap()
        .iter()
        .find(|client| client["node"]["id"] == "envoy-a")
        .unwrap();
    assert_eq!(client["types"]["endpoints"]["names"], json!(["pet"]), "{told}");

    let bad = json!({"cluster_name": "pet", "endpoints": [{"lb_endpoints": [{"endpoint": {"address":
        {"socket_address": {"address": "no-address", "port_value": 1}}}}]}]});
    put(&sds, "/xds/v3/endpoints/pet?node_cluster=demo", bad).await;
    envoy
        .until("/stats?filter=cluster.pet.update_rejected", "refuses", |text| {
            !text.trim().ends_with(" 0") && !text.is_empty()
        })
        .await;
    ask(sds.url("/xds/v3/endpoints/pet?node_cluster=demo"), Method::DELETE, "").await;
    register(&sds, &[3]).await;
    envoy
        .until("/clusters", "is whole again", |text| text.contains("pet::10.0.0.1:3::"))
        .await;
    if transport != Rest {
        let (_, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
        let nack = &told["clients"][0]["types"]["endpoints"]["last_nack"];
        assert!(
            nack["message"]
                .as_str()
                .is_some_and(|text| text.contains("malformed IP address")),
            "{told}"
        );
    }
}

/// Clusters, endpoints, listeners and routes, and a changed cluster that has to become warm again.
async fn everything(transport: Transport) {
    let sds = start(Store::in_memory()).await;
    let envoy = transport.envoy(&sds, true);
    envoy
        .until("/ready", "is live without anything", |text| text.trim() == "LIVE")
        .await;
    put(&sds, "/xds/v3/routes/to-pet", routes()).await;
    put(&sds, "/xds/v3/listeners/in", transport.listener()).await;
    register(&sds, &[1]).await;
    put(&sds, "/xds/v3/clusters/pet", transport.cluster("pet", "1s")).await;
    envoy
        .until("/clusters", "has the host", |text| text.contains("pet::10.0.0.1:1::"))
        .await;
    envoy
        .until(
            "/config_dump?resource=dynamic_active_clusters",
            "has the cluster",
            |text| text.contains("\"1s\""),
        )
        .await;
    envoy
        .until("/listeners", "has the listener", |text| text.contains("in::127.0.0.1"))
        .await;
    envoy
        .until("/config_dump", "has the routes", |text| {
            text.contains("\"to-pet\"") && text.contains("\"prefix\"")
        })
        .await;

    put(&sds, "/xds/v3/clusters/pet", transport.cluster("pet", "2s")).await;
    let active = "/config_dump?resource=dynamic_active_clusters";
    envoy
        .until(active, "has the changed cluster", |text| text.contains("\"2s\""))
        .await;
    ask(sds.url("/xds/v3/clusters/pet"), Method::DELETE, "").await;
    envoy
        .until("/clusters", "lost the cluster", |text| !text.contains("pet::"))
        .await;
    put(&sds, "/xds/v3/clusters/pet", transport.cluster("pet", "3s")).await;
    envoy
        .until(active, "has the cluster again", |text| text.contains("\"3s\""))
        .await;
    envoy
        .until("/clusters", "has the host again", |text| {
            text.contains("pet::10.0.0.1:1::")
        })
        .await;
}

macro_rules! over {
    ($($name:ident: $transport:expr;)*) => {
        mod endpoints_over {
            $(#[tokio::test]
            async fn $name() {
                super::endpoints($transport).await;
            })*
        }
        mod kubernetes_over {
            $(#[tokio::test]
            async fn $name() {
                crate::kubernetes::endpoints($transport).await;
            })*
        }
        mod everything_over {
            $(#[tokio::test]
            async fn $name() {
                super::everything($transport).await;
            })*
        }
    };
}

over! {
    rest: crate::Rest;
    grpc: crate::Grpc;
    delta_grpc: crate::DeltaGrpc;
    ads: crate::Ads;
    delta_ads: crate::DeltaAds;
}
