//! What waits for something that its Envoy has already is sent it again on the one stream that there is.
//!
//! Nothing here has a limit to its wait: what does not come is waited for until the test gives up.

use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

use crate::common::{ask, start};
use crate::{Envoy, Transport, put, register};

const LISTENERS: &str = "/config_dump?resource=dynamic_listeners";
const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// Two ways of asking for the same: to Envoy they are two things to wait for.
fn sources() -> [Value; 2] {
    [
        json!({"ads": {}, "initial_fetch_timeout": "0s"}),
        json!({"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}),
    ]
}

fn manager(stat: &str, routes: Value) -> Value {
    let mut manager = json!({"@type": HCM, "stat_prefix": stat,
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}]});
    for (key, value) in routes.as_object().unwrap() {
        manager[key] = value.clone();
    }
    manager
}

fn rds(stat: &str, source: &Value) -> Value {
    manager(
        stat,
        json!({"rds": {"route_config_name": "answers", "config_source": source}}),
    )
}

fn chain(config: Value) -> Value {
    json!({"filters": [{"name": "hcm", "typed_config": config}]})
}

fn listener(name: &str, chains: Value) -> Value {
    let mut listener = json!({"name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}});
    for (key, value) in chains.as_object().unwrap() {
        listener[key] = value.clone();
    }
    listener
}

fn answers() -> Value {
    json!({"name": "answers", "virtual_hosts": [{"name": "all", "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here"}}}]}]})
}

/// Waits until a listener works as it is told by the prefix of its statistics, and answers.
async fn works(envoy: &Envoy, name: &str, stat: &str) {
    let dump = envoy
        .until(LISTENERS, "works as it should", |text| {
            let dump: Value = serde_json::from_str(text).unwrap_or_default();
            let all = dump["configs"].as_array().cloned().unwrap_or_default();
            all.iter().any(|of| {
                of["name"] == name
                    && of["active_state"]["listener"]
                        .to_string()
                        .contains(&format!("\"{stat}\""))
                    && of.get("warming_state").is_none()
            })
        })
        .await;
    assert!(dump.contains(stat));
    let listeners = envoy
        .until("/listeners?format=json", "is told", |text| text.contains(name))
        .await;
    let listeners: Value = serde_json::from_str(&listeners).unwrap();
    let listener = listeners["listener_statuses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|of| of["name"] == name);
    let port = &listener.unwrap()["local_address"]["socket_address"]["port_value"];
    let response = crate::common::client()
        .get(format!("http://127.0.0.1:{port}/"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), response.text().await.unwrap().as_str()),
        (200, "here"),
        "{name}"
    );
}

/// A listener that asks for its routes in another way than before, and another one that asks for the same.
async fn routes(transport: Transport) {
    let [first, second] = sources();
    let sds = start(Store::in_memory()).await;
    put(&sds, "/xds/v3/routes/answers", answers()).await;
    let path = "/xds/v3/listeners/in";
    put(
        &sds,
        path,
        listener("in", json!({"filter_chains": [chain(rds("one", &first))]})),
    )
    .await;
    let envoy = transport.envoy(&sds, true);
    works(&envoy, "in", "one").await;

    put(
        &sds,
        path,
        listener("in", json!({"filter_chains": [chain(rds("two", &second))]})),
    )
    .await;
    works(&envoy, "in", "two").await;
    let other = listener("other", json!({"filter_chains": [chain(rds("three", &first))]}));
    put(&sds, "/xds/v3/listeners/other", other).await;
    works(&envoy, "other", "three").await;

    // Wherever it is named.
    put(
        &sds,
        path,
        listener("in", json!({"default_filter_chain": chain(rds("four", &first))})),
    )
    .await;
    works(&envoy, "in", "four").await;
    put(
        &sds,
        path,
        listener("in", json!({"default_filter_chain": chain(rds("five", &second))})),
    )
    .await;
    works(&envoy, "in", "five").await;
}

/// A cluster that asks for what it trusts in another way than before, and a filter within a filter that asks for a secret.
async fn secrets(transport: Transport) {
    let sds = start(Store::in_memory()).await;
    register(&sds, &[1]).await;
    let trust = json!({"name": "trust", "validation_context": {"trust_chain_verification": "ACCEPT_UNTRUSTED"}});
    put(&sds, "/xds/v3/secrets/trust", trust).await;
    let token = json!({"name": "token", "generic_secret": {"secret": {"inline_string": "t"}}});
    put(&sds, "/xds/v3/secrets/token", token).await;
    put(&sds, "/xds/v3/routes/answers", answers()).await;
    let envoy = transport.envoy(&sds, true);
    for (number, source) in sources().iter().chain(&sources()).enumerate() {
        let timeout = format!("{}s", number + 1);
        let mut cluster = transport.cluster("pet", &timeout);
        cluster["transport_socket"] = json!({"name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {"validation_context_sds_secret_config": {"name": "trust", "sds_config": source}},
        }});
        put(&sds, "/xds/v3/clusters/pet", cluster).await;
        envoy
            .until(
                "/config_dump?resource=dynamic_active_clusters",
                "has the cluster",
                |text| text.contains(&format!("\"{timeout}\"")),
            )
            .await;

        let stat = format!("stat-{number}");
        let mut config = rds(&stat, source);
        let credential = json!({"name": "generic", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
            "credential": {"name": "token", "sds_config": source},
        }});
        let injector = json!({"name": "injector", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
            "credential": credential,
        }});
        config["http_filters"].as_array_mut().unwrap().insert(0, injector);
        put(
            &sds,
            "/xds/v3/listeners/in",
            listener("in", json!({"filter_chains": [chain(config)]})),
        )
        .await;
        works(&envoy, "in", &stat).await;
    }
    let (_, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
    let of = &told["clients"][0]["types"]["secrets"];
    assert_eq!(of["names"], json!(["token", "trust"]), "{told}");
    assert_eq!(of["version_acknowledged"], of["version_intended"], "{told}");
    assert_eq!(of["last_nack"], Value::Null, "{told}");
}

macro_rules! over {
    ($($name:ident: $transport:expr;)*) => {
        mod routes_over {
            $(#[tokio::test]
            async fn $name() {
                super::routes($transport).await;
            })*
        }
        mod secrets_over {
            $(#[tokio::test]
            async fn $name() {
                super::secrets($transport).await;
            })*
        }
    };
}

over! {
    ads: crate::Ads;
    delta_ads: crate::DeltaAds;
}
