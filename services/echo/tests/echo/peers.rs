//! Clients of other make, in Python: grpcio with its reflection, and websockets.

use meshkat_kit::testing::python::{packages, script};

use crate::echo;

/// As `pip` knows them.
const PACKAGES: [&str; 3] = ["grpcio==1.85.3", "grpcio-reflection==1.85.1", "websockets==17.4"];

/// A folder that has them already, or `without`.
const VARIABLE: &str = "MESHKAT_PYTHON_PEERS";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/echo/peers.py");

async fn try_peer(what: &'static str) {
    let echo = echo().await;
    let address = echo.address().to_string();
    let tried = tokio::task::spawn_blocking(move || {
        let packages = packages(env!("CARGO_TARGET_TMPDIR"), &PACKAGES, VARIABLE)?;
        Some(script(&packages, SCRIPT).args([&address, what]).output().unwrap())
    });
    if let Some(output) = tried.await.unwrap() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn grpcio_calls_what_reflection_tells_it() {
    try_peer("grpc").await;
}

#[tokio::test]
async fn pythons_websockets_talk() {
    try_peer("websocket").await;
}
