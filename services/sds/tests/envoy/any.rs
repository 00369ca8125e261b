//! proto3 JSON of `Any`: what Envoy reads is read, and what is written Envoy reads.

use std::process::Command;

use prost_reflect::DescriptorPool;
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

use crate::Envoy;
use crate::common::{ask, start};
use crate::found::binary;

const GOOGLE: &str = "type.googleapis.com/google.protobuf.";
const ENVOY: &str = "type.googleapis.com/envoy.";

/// What an `Any` may be, as it is written.
fn taken() -> Vec<String> {
    let mut all: Vec<String> = vec!["{}".to_owned(), "null".to_owned()];
    for name in [
        "Empty",
        "StringValue",
        "Struct",
        "Value",
        "ListValue",
        "Duration",
        "Timestamp",
        "BoolValue",
        "UInt32Value",
        "Int64Value",
        "DoubleValue",
        "BytesValue",
        "FieldMask",
        "Any",
        "Type",
    ] {
        all.push(json!({"@type": format!("{GOOGLE}{name}")}).to_string());
    }
    for (name, value) in [
        ("StringValue", json!("x")),
        ("StringValue", json!(null)),
        ("Struct", json!({"a": 1, "b": [null, {"c": "d"}]})),
        ("Value", json!(null)),
        ("ListValue", json!([1, "a"])),
        ("Duration", json!("1.5s")),
        ("Timestamp", json!("2026-01-02T03:04:05Z")),
        ("Int64Value", json!(5)),
        ("FieldMask", json!("a,b.cD")),
        ("Any", json!({})),
        ("Any", json!({"@type": format!("{GOOGLE}Duration"), "value": "1s"})),
        (
            "Any",
            json!({"@type": format!("{GOOGLE}Any"), "value": {"@type": format!("{GOOGLE}Empty")}}),
        ),
    ] {
        all.push(json!({"@type": format!("{GOOGLE}{name}"), "value": value}).to_string());
    }
    for of in [
        json!({"@type": format!("{ENVOY}config.route.v3.FilterConfig"), "config": {}}),
        json!({"config": {"@type": format!("{GOOGLE}Empty")}, "@type": format!("{ENVOY}config.route.v3.FilterConfig")}),
        json!({"@type": format!("{ENVOY}config.route.v3.FilterConfig"), "isOptional": true}),
        json!({"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": "a/b", "value": {"typeUrl": 1}}),
        json!({"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "type_url": "a/b", "value": {}}),
        json!({"@type": "type.googleapis.com/xds.type.matcher.v3.CelMatcher", "description": "d"}),
        json!({"@type": "example.org/of/google.protobuf.Empty"}),
        json!({"@type": format!("{ENVOY}service.metrics.v3.StreamMetricsMessage")}),
        json!({"@type": format!("{ENVOY}extensions.filters.network.tcp_proxy.v3.TcpProxy"), "stat_prefix": "s",
            "cluster": "c", "weighted_clusters": null}),
    ] {
        all.push(of.to_string());
    }
    all
}

/// What Envoy refuses, and the field that is told.
fn refused() -> Vec<(Value, &'static str)> {
    let place = "metadata.typed_filter_metadata.x";
    vec![
        (json!({"a": 1}), place),
        (json!({"@type": ""}), "metadata.typed_filter_metadata.x.@type"),
        (json!({"@type": null}), "metadata.typed_filter_metadata.x.@type"),
        (
            json!({"@type": "google.protobuf.Empty"}),
            "metadata.typed_filter_metadata.x.@type",
        ),
        (
            json!({"@type": "/google.protobuf.Empty"}),
            "metadata.typed_filter_metadata.x.@type",
        ),
        (json!({"@type": format!("{ENVOY}Nothing")}), place),
        (
            json!({"@type": format!("{GOOGLE}StringValue"), "value": "x", "more": 1}),
            "metadata.typed_filter_metadata.x.more",
        ),
        (json!({"@type": format!("{GOOGLE}Empty"), "more": 1}), place),
        (
            json!({"@type": format!("{GOOGLE}FieldMask"), "paths": ["a"]}),
            "metadata.typed_filter_metadata.x.paths",
        ),
        (
            json!({"@type": format!("{ENVOY}extensions.filters.network.tcp_proxy.v3.TcpProxy"), "stat_prefix": "s",
                "cluster": "c", "weighted_clusters": {"clusters": [{"name": "a", "weight": 1}]}}),
            "metadata.typed_filter_metadata.x.weighted_clusters",
        ),
    ]
}

fn listener(any: &str) -> String {
    format!(
        r#"{{"name": "a", "address": {{"socket_address": {{"address": "127.0.0.1", "port_value": 1}}}},
            "metadata": {{"typed_filter_metadata": {{"x": {any}}}}},
            "filter_chains": [{{"filters": [{{"name": "echo", "typed_config":
                {{"@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo"}}}}]}}]}}"#
    )
}

/// Whether Envoy takes a listener.
fn is_taken_by_envoy(listener: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.json");
    std::fs::write(
        &file,
        format!(r#"{{"static_resources": {{"listeners": [{listener}]}}}}"#),
    )
    .unwrap();
    let output = Command::new(binary())
        .args(["--mode", "validate", "-l", "off", "-c"])
        .arg(&file)
        .output()
        .unwrap();
    output.status.success()
}

#[tokio::test]
async fn what_envoy_reads_is_read_and_what_is_written_envoy_reads() {
    let sds = start(Store::in_memory()).await;
    let url = sds.url("/xds/v3/listeners/a");
    for any in taken() {
        let written = listener(&any);
        assert!(is_taken_by_envoy(&written), "Envoy refuses {any}");
        let (status, answer) = ask(url.clone(), Method::PUT, &written).await;
        assert!(status == 200 || status == 201, "{any}: {answer}");
        let (_, shown) = ask(url.clone(), Method::GET, "").await;
        assert!(is_taken_by_envoy(&shown.to_string()), "{any} is written {shown}");
        // What is written says the same.
        let (status, again) = ask(url.clone(), Method::PUT, &shown.to_string()).await;
        assert_eq!((status, &again), (200, &shown), "{any}");
    }
}

#[tokio::test]
async fn what_envoy_refuses_is_refused_with_its_place() {
    let sds = start(Store::in_memory()).await;
    for (any, field) in refused() {
        let written = listener(&any.to_string());
        assert!(!is_taken_by_envoy(&written), "Envoy takes {any}");
        let (status, answer) = ask(sds.url("/xds/v3/listeners/a"), Method::PUT, &written).await;
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{any}: {answer}");
    }
}

/// An Envoy tells which messages its extensions are configured with.
#[tokio::test]
async fn what_configures_an_extension_of_envoy_is_known() {
    const SET: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/descriptors/envoy-v3.binpb"));
    let pool = DescriptorPool::decode(SET).unwrap();
    let envoy = Envoy::start(json!({}));
    let dump = envoy
        .until("/config_dump", "is told", |text| text.contains("extensions"))
        .await;
    let dump: Value = serde_json::from_str(&dump).unwrap();
    let extensions = dump["configs"][0]["bootstrap"]["node"]["extensions"]
        .as_array()
        .unwrap();
    let types = extensions
        .iter()
        .flat_map(|of| of["type_urls"].as_array().into_iter().flatten());
    let types: Vec<&str> = types.map(|of| of.as_str().unwrap()).collect();
    assert!(types.len() > 300, "only {}", types.len());
    for of in types {
        assert!(pool.get_message_by_name(of).is_some(), "{of}");
    }
}
