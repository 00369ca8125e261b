//! Certificates over discovery: a listener takes the one that is served, and the next one once it is.

use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

use crate::common::{ask, start};
use crate::{Transport, put};

const CERTIFICATE: &str = include_str!("tls/certificate.pem");
const KEY: &str = include_str!("tls/key.pem");

fn certificate() -> Value {
    json!({"name": "server", "tls_certificate": {
        "certificate_chain": {"inline_string": CERTIFICATE},
        "private_key": {"inline_string": KEY},
    }})
}

async fn over(transport: Transport) {
    let sds = start(Store::in_memory()).await;
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here"}}}]}]},
        "http_filters": [{"name": "router", "typed_config":
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    });
    let tls = json!({"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "server", "sds_config": transport.source()}]},
    }});
    let listener = json!({
        "name": "in",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}], "transport_socket": tls}],
    });
    let (status, answer) = ask(
        sds.url("/xds/v3/secrets/server"),
        Method::PUT,
        &certificate().to_string(),
    )
    .await;
    assert_eq!(status, 201, "{answer}");
    put(&sds, "/xds/v3/listeners/in", listener).await;
    let envoy = transport.envoy(&sds, true);
    envoy
        .until("/certs", "has the certificate", |text| text.contains("pet.example.org"))
        .await;
    envoy
        .until("/listeners?format=json", "has the listener", |text| {
            text.contains("\"in\"")
        })
        .await;

    // What is no key is refused, and the one that there was stays.
    let mut broken = certificate();
    broken["tls_certificate"]["private_key"]["inline_string"] = json!("no key");
    put(&sds, "/xds/v3/secrets/server", broken).await;
    envoy
        .until("/stats?filter=sds.server.update_rejected", "refuses", |text| {
            !text.is_empty() && !text.trim().ends_with(" 0")
        })
        .await;
    envoy
        .until("/certs", "keeps the certificate", |text| {
            text.contains("pet.example.org")
        })
        .await;
    put(&sds, "/xds/v3/secrets/server", certificate()).await;
    let (_, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
    let text = told.to_string();
    assert!(text.contains("\"secrets\""), "{text}");
    assert!(!text.contains("PRIVATE KEY"), "{text}");
    let (_, shown) = ask(sds.url("/xds/v3/secrets/server"), Method::GET, "").await;
    assert_eq!(shown["tls_certificate"]["private_key"]["inline_string"], "[redacted]");
    assert_eq!(
        shown["tls_certificate"]["certificate_chain"]["inline_string"],
        CERTIFICATE
    );
}

macro_rules! over {
    ($($name:ident: $transport:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            over($transport).await;
        })*
    };
}

over! {
    rest: crate::Rest;
    grpc: crate::Grpc;
    delta_grpc: crate::DeltaGrpc;
    ads: crate::Ads;
    delta_ads: crate::DeltaAds;
}
