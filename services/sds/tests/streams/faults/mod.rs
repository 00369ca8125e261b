//! Faults on purpose, each over every transport.

mod content;
mod interface;
mod outage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use meshkat_kit::Identity;
use meshkat_kit::testing::{DEADLINE, Running};
use reqwest::Method;
use sds::{Options, Store};
use serde_json::{Value, json};

use crate::client::{Delta, Sotw};
use crate::common::{ask, client};
use crate::setting::{Kind, Setting};

async fn faulty() -> Running {
    let identity = Identity::new("sds", "sds-1").unwrap();
    let options = Options { allow_faults: true };
    Running::start(|listener, shutdown| {
        sds::run_with(listener, identity, Arc::new(Store::in_memory()), options, shutdown)
    })
    .await
}

/// A new server for each type, each on its own and aggregated.
async fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for kind in Kind::ALL {
        for aggregated in [false, true] {
            let sds = faulty().await;
            settings.push(Setting { sds, kind, aggregated });
        }
    }
    settings
}

async fn begin(setting: &Setting, fault: Value) {
    let (status, answer) = ask(setting.sds.url("/xds/v3/faults"), Method::PUT, &fault.to_string()).await;
    assert_eq!(status, 200, "{answer}");
}

async fn end(setting: &Setting) {
    let ended = ask(setting.sds.url("/xds/v3/faults"), Method::DELETE, "").await;
    assert_eq!(ended, (204, Value::Null));
}

/// What `/metrics` has behind this.
async fn metric(setting: &Setting, name: &str) -> u64 {
    let response = client().get(setting.sds.url("/metrics")).send().await.unwrap();
    let text = response.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn transport(setting: &Setting, delta: bool) -> &'static str {
    match (setting.aggregated, delta) {
        (false, false) => "Grpc",
        (true, false) => "Ads",
        (false, true) => "DeltaGrpc",
        (true, true) => "DeltaAds",
    }
}

/// How often a kind of fault struck a transport.
async fn struck(setting: &Setting, kind: &str, transport: &str) -> u64 {
    metric(
        setting,
        &format!("sds_faulted_total{{kind=\"{kind}\",transport=\"{transport}\"}}"),
    )
    .await
}

/// Polls as an Envoy does, and gives the status and the body, or `None` if the connection was closed without an answer.
async fn poll(setting: &Setting) -> Option<(u16, String)> {
    let body = json!({"node": {"id": "envoy-a", "cluster": "demo"}, "resource_names": ["a"]});
    let url = setting.sds.url(&format!("/v3/discovery:{}", setting.kind.plural()));
    let response = client().post(url).body(body.to_string()).send().await.ok()?;
    Some((response.status().as_u16(), response.text().await.ok()?))
}

async fn polled(setting: &Setting) -> Value {
    let (status, body) = poll(setting).await.expect("an answer");
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

/// A client of each variant that has the resource `a`.
async fn subscribed(setting: &Setting) -> (Sotw, Delta) {
    let mut sotw = Sotw::open(setting).await;
    sotw.send(&["a"], "", None);
    sotw.taken(&["a"], &["a"]).await;
    let mut delta = Delta::open(setting).await;
    delta.want(&["a"], &[]);
    delta.taken(&["a"], &[]).await;
    // So that every ACK has been heard.
    sotw.quiet().await;
    delta.quiet().await;
    (sotw, delta)
}

/// The next response of each is the truth, and then there is nothing.
async fn whole(setting: &Setting, sotw: &mut Sotw, delta: &mut Delta) {
    let truth = polled(setting).await["version_info"].clone();
    let (names, response) = sotw.answer().await;
    assert_eq!(
        (names, json!(response.version_info)),
        (vec!["a".to_owned()], truth.clone())
    );
    sotw.send(&["a"], &response.nonce, None);
    sotw.quiet().await;
    let response = delta.taken(&["a"], &[]).await;
    assert_eq!(json!(response.system_version_info), truth);
    delta.quiet().await;
}
