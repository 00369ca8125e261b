//! The real Envoy asks `authz` and `ratelimit`, and tells `collector` of it.

#[path = "../../../sds/tests/common/envoy.rs"]
mod found;
#[path = "../../../sds/tests/envoy/process.rs"]
mod process;

use std::net::SocketAddr;
use std::time::Instant;

use collector::Statsd;
use meshkat_kit::Identity;
use meshkat_kit::testing::{DEADLINE, Running};
use process::Envoy;
use serde_json::{Value, json};

mod common {
    pub(crate) fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }
}

use common::client;

/// All of them, and where statistics go.
struct Services {
    echo: Running,
    authz: Running,
    ratelimit: Running,
    collector: Running,
    statsd: SocketAddr,
}

impl Services {
    async fn start() -> Self {
        let identity = |name| Identity::new(name, name).unwrap();
        let statsd = Statsd::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let ports = echo::Ports::default();
        Self {
            statsd: statsd.address().unwrap(),
            echo: Running::start(|listener, shutdown| echo::run(listener, ports, identity("echo"), shutdown)).await,
            authz: Running::start(|listener, shutdown| authz::run(listener, identity("authz"), shutdown)).await,
            ratelimit: Running::start(|listener, shutdown| ratelimit::run(listener, identity("ratelimit"), shutdown))
                .await,
            collector: Running::start(|listener, shutdown| {
                collector::run(listener, Some(statsd), identity("collector"), shutdown)
            })
            .await,
        }
    }

    /// An Envoy that asks and tells them.
    fn envoy(&self, authz: &Value, tracer: &Value) -> Envoy {
        let typed = |name: &str, kind: &str, more: &Value| {
            let mut config = more.clone();
            config["@type"] = json!(format!("type.googleapis.com/{kind}"));
            json!({"name": name, "typed_config": config})
        };
        let limits = json!({
            "domain": "edge", "failure_mode_deny": true, "timeout": "5s",
            "rate_limit_service": {"grpc_service": grpc("ratelimit"), "transport_api_version": "V3"},
        });
        let logs = json!({"common_config": {
            "log_name": "edge", "transport_api_version": "V3", "grpc_service": grpc("collector-grpc"),
            "buffer_flush_interval": "0.05s",
        }});
        let manager = json!({
            "stat_prefix": "edge",
            "tracing": {"provider": tracer, "random_sampling": {"value": 100}},
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{
                "match": {"prefix": "/"},
                "route": {"cluster": "echo", "rate_limits": [{"actions": [{"generic_key": {"descriptor_value": "all"}}]}]},
            }]}]},
            "http_filters": [
                typed("ext_authz", "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", authz),
                typed("ratelimit", "envoy.extensions.filters.http.ratelimit.v3.RateLimit", &limits),
                typed("router", "envoy.extensions.filters.http.router.v3.Router", &json!({})),
            ],
            "access_log": [typed("als", "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig", &logs)],
        });
        let socket = |at: SocketAddr| json!({"socket_address": {"address": "127.0.0.1", "port_value": at.port()}});
        let cluster = |name: &str, at: SocketAddr, is_grpc: bool| {
            let mut cluster = json!({
                "name": name, "type": "STATIC", "connect_timeout": "1s",
                "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(at)}}]}]},
            });
            if is_grpc {
                cluster["typed_extension_protocol_options"] = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                }});
            }
            cluster
        };
        let statistics = json!({"address": {"socket_address": {
            "address": "127.0.0.1", "port_value": self.statsd.port(), "protocol": "UDP",
        }}});
        Envoy::start(json!({
            "node": {"id": "edge-1", "cluster": "edge"},
            "stats_flush_interval": "0.1s",
            "stats_sinks": [typed("statsd", "envoy.config.metrics.v3.StatsdSink", &statistics)],
            "static_resources": {
                "listeners": [{
                    "name": "edge",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                    "filter_chains": [{"filters": [typed(
                        "http",
                        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        &manager,
                    )]}],
                }],
                "clusters": [
                    cluster("echo", self.echo.address(), false),
                    cluster("authz", self.authz.address(), false),
                    cluster("authz-grpc", self.authz.address(), true),
                    cluster("ratelimit", self.ratelimit.address(), true),
                    cluster("collector", self.collector.address(), false),
                    cluster("collector-grpc", self.collector.address(), true),
                ],
            },
        }))
    }

    /// Asks the collector until the answer is as it should be.
    async fn until(&self, path: &str, what: &str, holds: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let told = get(&self.collector, path).await;
            if holds(&told) {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "{path} never {what}: {told}");
            tokio::task::yield_now().await;
        }
    }
}

fn grpc(cluster: &str) -> Value {
    json!({"envoy_grpc": {"cluster_name": cluster}, "timeout": "5s"})
}

async fn get(service: &Running, path: &str) -> Value {
    client()
        .get(service.url(path))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

/// What is asked of an Envoy, once it listens.
async fn url(envoy: &Envoy) -> String {
    let listeners = envoy
        .until("/listeners?format=json", "had a listener", |text| {
            text.contains("port_value")
        })
        .await;
    let listeners: Value = serde_json::from_str(&listeners).unwrap();
    let port = &listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"];
    format!("http://127.0.0.1:{port}/orders")
}

/// Asks through an Envoy whether a request is let through, and whether all of it was told.
async fn ask_and_tell(authz: Value, tracer: Value) {
    let services = Services::start().await;
    let limit = json!({"key": "generic_key", "value": "all", "rate_limit": {"unit": "day", "requests_per_unit": 2}});
    let rules = json!({"domain": "edge", "descriptors": [limit]});
    let put = client()
        .put(services.ratelimit.url("/rules"))
        .json(&rules)
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 200);

    let envoy = services.envoy(&authz, &tracer);
    let url = url(&envoy).await;
    assert_eq!(client().get(&url).send().await.unwrap().status(), 403);
    let allowed = || client().get(&url).header("x-ext-authz", "allow");
    for status in [200, 200, 429] {
        assert_eq!(allowed().send().await.unwrap().status(), status);
    }

    let received = get(&services.echo, "/received").await;
    assert_eq!(
        (&received["count"], &received["requests"][0]["path"]),
        (&json!(2), &json!("/orders"))
    );
    let checks = get(&services.authz, "/checks").await;
    let allowed: Vec<_> = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["allowed"])
        .collect();
    assert_eq!(allowed, [false, true, true, true]);
    assert!(
        checks["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["path"] == "/orders"),
        "{checks}"
    );

    let spans = |told: &Value| told["spans"].as_array().is_some_and(|spans| spans.len() >= 4);
    services.until("/traces", "had a span of each request", spans).await;
    let codes = |told: &Value| {
        let logs = told["logs"].as_array().unwrap();
        let mut codes: Vec<_> = logs.iter().map(|log| log["response_code"].as_u64()).collect();
        codes.sort();
        codes == [Some(200), Some(200), Some(403), Some(429)]
    };
    services
        .until("/logs?service=edge-1", "had an entry of each request", codes)
        .await;
    let counted = |told: &Value| {
        let metrics = told["metrics"].as_array().unwrap();
        metrics
            .iter()
            .any(|metric| metric["name"] == "envoy.http.edge.downstream_rq_total" && metric["value"] == 4.0)
    };
    services
        .until("/metrics?name=envoy.http.edge", "counted the requests", counted)
        .await;
}

#[tokio::test]
async fn an_envoy_asks_over_grpc_and_tells_zipkin() {
    let authz = json!({"transport_api_version": "V3", "grpc_service": grpc("authz-grpc")});
    ask_and_tell(authz, zipkin()).await;
}

fn zipkin() -> Value {
    json!({
        "name": "zipkin",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
            "collector_cluster": "collector", "collector_endpoint": "/api/v2/spans",
            "collector_endpoint_version": "HTTP_JSON",
        },
    })
}

#[tokio::test]
async fn an_envoy_tells_headers_as_they_came() {
    let authz = json!({
        "transport_api_version": "V3", "grpc_service": grpc("authz-grpc"), "encode_raw_headers": true,
    });
    ask_and_tell(authz, zipkin()).await;
}

#[tokio::test]
async fn an_envoy_that_asks_over_http1_is_not_answered() {
    let services = Services::start().await;
    let authz = json!({"transport_api_version": "V3", "grpc_service": grpc("authz"), "status_on_error": {"code": "BadGateway"}});
    let envoy = services.envoy(&authz, &zipkin());
    let url = url(&envoy).await;
    let asked = client().get(&url).header("x-ext-authz", "allow").send().await.unwrap();
    assert_eq!(asked.status(), 502);
    assert_eq!(get(&services.authz, "/checks").await["count"], 0);
}

#[tokio::test]
async fn an_envoy_asks_over_http_and_tells_opentelemetry() {
    let authz = json!({
        "transport_api_version": "V3",
        "allowed_headers": {"patterns": [{"exact": "x-ext-authz"}]},
        "http_service": {
            "server_uri": {"uri": "http://authz", "cluster": "authz", "timeout": "5s"},
            "path_prefix": "/check",
        },
    });
    let tracer = json!({
        "name": "otlp",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
            "grpc_service": grpc("collector-grpc"), "service_name": "edge",
        },
    });
    ask_and_tell(authz, tracer).await;
}
