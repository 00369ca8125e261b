//! What Envoys and others send, and what is told of it.

mod exporters;
mod grpc;
mod hostile;

use std::time::Instant;

use collector::Statsd;
use meshkat_kit::Identity;
use meshkat_kit::testing::{DEADLINE, Running};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};

async fn collector() -> Running {
    let identity = Identity::new("collector", "collector-1").unwrap();
    Running::start(|listener, shutdown| collector::run(listener, None, identity, shutdown)).await
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn get(collector: &Running, path: &str) -> Value {
    let answer = client().get(collector.url(path)).send().await.unwrap();
    answer.json().await.unwrap()
}

/// As an Envoy 1.40 sends it.
fn zipkin() -> Value {
    json!([{
        "id": "98a3bb4e8ac4a5b4", "traceId": "5b5d0e5a5d5d5d5d98a3bb4e8ac4a5b4", "parentId": "0000000000000001",
        "name": "foo.com", "kind": "SERVER", "timestamp": 1_700_000_000_000_000_u64, "duration": 1500,
        "localEndpoint": {"serviceName": "ingress", "ipv4": "127.0.0.1", "port": 0},
        "tags": {"http.status_code": "503", "error": "true"},
        "annotations": [{"timestamp": 1_700_000_000_000_100_u64, "value": "retry"}],
    }])
}

#[tokio::test]
async fn spans_of_zipkin_are_taken_and_told() {
    let collector = collector().await;
    let sent = client()
        .post(collector.url("/api/v2/spans"))
        .json(&zipkin())
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    let told = get(&collector, "/traces").await;
    assert_eq!((&told["count"], &told["left_out"]), (&json!(1), &json!(0)));
    assert_eq!(
        told["spans"][0],
        json!({
            "source": "zipkin", "service": "ingress", "trace_id": "5b5d0e5a5d5d5d5d98a3bb4e8ac4a5b4",
            "span_id": "98a3bb4e8ac4a5b4", "parent_id": "0000000000000001", "name": "foo.com", "kind": "SERVER",
            "start_us": 1_700_000_000_000_000_u64, "duration_us": 1500,
            "attributes": {"http.status_code": "503", "error": "true"}, "events": ["retry"], "error": true,
        })
    );
    for (query, spans) in [
        ("?service=ingress", 1),
        ("?service=other", 0),
        ("?trace_id=5b5d0e5a5d5d5d5d98a3bb4e8ac4a5b4&service=ingress", 1),
        ("?trace_id=1", 0),
    ] {
        let told = get(&collector, &format!("/traces{query}")).await;
        assert_eq!(told["spans"].as_array().unwrap().len(), spans, "{query}");
    }
    assert_eq!(
        client()
            .get(collector.url("/traces?servce=x"))
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
    client().delete(collector.url("/traces")).send().await.unwrap();
    assert_eq!(
        get(&collector, "/traces").await,
        json!({"count": 0, "left_out": 0, "spans": []})
    );
}

#[tokio::test]
async fn otlp_is_taken_as_json() {
    let collector = collector().await;
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "pet"}}]});
    let span = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "GET", "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000002000000",
        "attributes": [{"key": "n", "value": {"intValue": "7"}}], "status": {"code": 2}});
    let traces = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]});
    let log = json!({"timeUnixNano": "1700000000000000000", "severityText": "INFO", "body": {"stringValue": "hello"}});
    let logs = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [log]}]}]});
    let sum = json!({"name": "hits", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{"asInt": "5"}]}});
    let metrics = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [sum]}]}]});
    for (path, body) in [("traces", traces), ("logs", logs), ("metrics", metrics)] {
        let sent = client()
            .post(collector.url(&format!("/v1/{path}")))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(
            (sent.status().as_u16(), sent.text().await.unwrap().as_str()),
            (200, "{}"),
            "{path}"
        );
    }
    let span = &get(&collector, "/traces").await["spans"][0];
    assert_eq!(
        (&span["service"], &span["kind"], &span["duration_us"]),
        (&json!("pet"), &json!("SERVER"), &json!(2000))
    );
    assert_eq!((&span["attributes"], &span["error"]), (&json!({"n": 7}), &json!(true)));
    let log = &get(&collector, "/logs?service=pet").await["logs"][0];
    assert_eq!((&log["body"], &log["severity"]), (&json!("hello"), &json!("INFO")));
    let metric = &get(&collector, "/metrics?name=hi").await["metrics"][0];
    assert_eq!(
        *metric,
        json!({"name": "hits", "source": "otlp", "tags": {"service.name": "pet"}, "kind": "counter", "value": 5.0})
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let collector = collector().await;
    for (path, kind, body, status) in [
        ("/api/v2/spans", "application/json", "{}", 400),
        ("/api/v2/spans", "application/x-protobuf", "", 415),
        ("/v1/traces", "application/json", "[", 400),
        ("/v1/traces", "application/x-protobuf", "\u{1}", 400),
        ("/v1/logs", "text/plain", "", 415),
    ] {
        let request = client()
            .post(collector.url(path))
            .header("content-type", kind)
            .body(body);
        assert_eq!(request.send().await.unwrap().status(), status, "{path} {kind}");
    }
    let compressed = client()
        .post(collector.url("/v1/traces"))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "gzip");
    assert_eq!(compressed.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn statistics_come_over_udp_and_tcp() {
    let statsd = Statsd::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let at = statsd.address().unwrap();
    let identity = Identity::new("collector", "collector-1").unwrap();
    let collector =
        Running::start(|listener, shutdown| collector::run(listener, Some(statsd), identity, shutdown)).await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(b"envoy.rq:2|c\nenvoy.cx:5|g", at).await.unwrap();
    let mut tcp = TcpStream::connect(at).await.unwrap();
    for piece in ["envoy.rq:3", "|c\nenvoy.time:12", "|ms\n"] {
        tcp.write_all(piece.as_bytes()).await.unwrap();
        tcp.flush().await.unwrap();
    }
    let expected = json!([
        {"name": "envoy.cx", "source": "statsd", "tags": {}, "kind": "gauge", "value": 5.0},
        {"name": "envoy.rq", "source": "statsd", "tags": {}, "kind": "counter", "value": 5.0},
        {"name": "envoy.time", "source": "statsd", "tags": {}, "kind": "distribution", "count": 1, "sum": 12.0, "min": 12.0,
         "max": 12.0},
    ]);
    let begun = Instant::now();
    loop {
        let told = get(&collector, "/metrics").await;
        if told["metrics"] == expected {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{told}");
        tokio::task::yield_now().await;
    }
    let stopped = collector.stop();
    tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_came_is_told_to_nobody_through_an_envoy() {
    let collector = collector().await;
    for path in ["/traces", "/logs", "/metrics", "/faults"] {
        let request = client().get(collector.url(path)).header("x-forwarded-proto", "http");
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
        let request = client()
            .delete(collector.url(path))
            .header("origin", "http://evil.example");
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    // What Envoys send comes from Envoys.
    let sent = client()
        .post(collector.url("/api/v2/spans"))
        .header("x-forwarded-proto", "http");
    assert_eq!(
        sent.json(&zipkin()).send().await.unwrap().status(),
        StatusCode::ACCEPTED
    );
}
