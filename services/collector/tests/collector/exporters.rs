//! Exporters of another make: OpenTelemetry's SDK for Python.

use meshkat_kit::testing::python::{packages, script};
use serde_json::json;

use crate::{collector, get};

/// As `pip` knows them.
const PACKAGES: [&str; 3] = [
    "opentelemetry-sdk==1.45.2",
    "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
    "opentelemetry-exporter-otlp-proto-http==1.45.2",
];

/// A folder that has them already, or `without`.
const VARIABLE: &str = "MESHKAT_PYTHON_EXPORTERS";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collector/exporters.py");

async fn export(way: &'static str) {
    let collector = collector().await;
    let address = collector.address().to_string();
    let exported = tokio::task::spawn_blocking(move || {
        let packages = packages(env!("CARGO_TARGET_TMPDIR"), &PACKAGES, VARIABLE)?;
        Some(script(&packages, SCRIPT).args([&address, way]).output().unwrap())
    });
    let Some(output) = exported.await.unwrap() else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let spans = get(&collector, "/traces?service=shop").await;
    let span = &spans["spans"][0];
    assert_eq!(
        (&span["name"], &span["kind"]),
        (&json!("order"), &json!("SERVER")),
        "{said}"
    );
    assert_eq!(span["attributes"]["pets"], 2);
    let trace = span["trace_id"].as_str().unwrap();
    let logs = get(&collector, &format!("/logs?trace_id={trace}")).await;
    assert_eq!(logs["logs"][0]["body"], "ordered", "{said}");
    let metrics = get(&collector, "/metrics?name=orders").await;
    assert_eq!(
        (&metrics["metrics"][0]["value"], &metrics["metrics"][0]["tags"]["kind"]),
        (&json!(3.0), &json!("pet")),
        "{said}"
    );
}

#[tokio::test]
async fn otlp_over_grpc_of_a_real_sdk_is_understood() {
    export("grpc").await;
}

#[tokio::test]
async fn otlp_over_http_of_a_real_sdk_is_understood() {
    export("http").await;
}
