//! gRPC is spoken over HTTP/2, by every service.

use axum::routing::post;
use meshkat_kit::testing::Running;
use meshkat_kit::{App, Identity, router, serve};
use reqwest::Client;
use serde_json::Value;

#[tokio::test]
async fn grpc_is_spoken_over_http2_alone() {
    let identity = Identity::new("small", "small-1").unwrap();
    let app = App::new(identity, router().route("/hello", post(async || "hello")));
    let running = Running::start(|listener, shutdown| serve(listener, app, shutdown)).await;
    let h1 = Client::builder().no_proxy().http1_only().build().unwrap();
    let h2 = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for (client, kind, status) in [
        (h1.clone(), "application/grpc", 505),
        (h1.clone(), "application/grpc+proto", 505),
        // This is made for HTTP/1.1, too.
        (h1.clone(), "application/grpc-web+proto", 200),
        (h1.clone(), "application/json", 200),
        (h2.clone(), "application/grpc", 200),
    ] {
        let request = client
            .post(running.url("/hello"))
            .header("content-type", kind)
            .body("{}");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{kind}");
        if status == 505 {
            let problem: Value = answer.json().await.unwrap();
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains("over HTTP/1.1") && detail.contains("http2_protocol_options"),
                "{detail}"
            );
        }
    }
}
