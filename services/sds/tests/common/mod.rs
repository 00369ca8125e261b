//! A discovery service for tests, and a client of it.

use std::sync::Arc;

use meshkat_kit::Identity;
use meshkat_kit::testing::Running;
use reqwest::{Client, Method};
use sds::Store;
use serde_json::Value;

/// Starts a discovery service with what a store holds.
pub(crate) async fn start(store: Store) -> Running {
    let identity = Identity::new("sds", "sds-1").unwrap();
    Running::start(|listener, shutdown| sds::run(listener, identity, Arc::new(store), shutdown)).await
}

/// A client that no proxy of the environment leads astray.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// The status and JSON body of an answer; `null` if there is no body.
pub(crate) async fn ask(url: String, method: Method, body: &str) -> (u16, Value) {
    let response = client()
        .request(method, url)
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    assert!(response.headers().contains_key("x-served-by"));
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (
        status,
        if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        },
    )
}
