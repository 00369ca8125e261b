//! Messages that are small on the wire, and would be large in memory.

use envoy_types::pb::envoy::data::accesslog::v3::{AccessLogCommon, HttpAccessLogEntry};
use envoy_types::pb::google::protobuf::{Duration, Timestamp};
use meshkat_kit::testing::Binary;
use prost::Message as _;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::{client, collector, get};

const ALS: &str = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A field that is a text or a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![(number << 3) | 2];
    prost::encode_length_delimiter(content.len(), &mut bytes).unwrap();
    bytes.extend_from_slice(content);
    bytes
}

/// The identifier of a node.
fn node(id: &str) -> Vec<u8> {
    field(1, &[field(1, &field(1, id.as_bytes())), field(2, b"edge")].concat())
}

/// A resource with this `service.name`, and scopes with what is in `scope`.
fn exported(service: &str, scope: &[u8]) -> Vec<u8> {
    let attribute = [field(1, b"service.name"), field(2, &field(1, service.as_bytes()))].concat();
    let resource = field(1, &field(1, &attribute));
    field(1, &[resource, field(2, scope)].concat())
}

/// Data points of a sum that is called so.
fn sum(name: &str, points: usize) -> Vec<u8> {
    field(
        2,
        &[field(1, name.as_bytes()), field(7, &field(1, b"").repeat(points))].concat(),
    )
}

/// Calls a method with one message, and gives the message that is answered.
async fn call(url: String, message: &[u8]) -> Vec<u8> {
    let mut body = vec![0];
    body.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend_from_slice(message);
    let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers().get("grpc-status"), None, "{:?}", answer.headers());
    answer.bytes().await.unwrap()[5..].to_vec()
}

fn count(told: &Value, name: &str) -> (u64, u64, usize) {
    let kept = told[name].as_array().unwrap().len();
    (
        told["count"].as_u64().unwrap(),
        told["left_out"].as_u64().unwrap(),
        kept,
    )
}

#[tokio::test]
async fn of_a_message_so_many_entries_are_looked_at_and_all_are_counted() {
    let collector = collector().await;
    let (entries, most) = (12_345, 10_000);
    call(
        collector.url(ALS),
        &[node("edge-1"), field(2, &field(1, b"").repeat(entries))].concat(),
    )
    .await;
    let logs = get(&collector, "/logs?service=edge-1").await;
    assert_eq!(count(&logs, "logs"), (12_345, 2345, most));
    client().delete(collector.url("/logs")).send().await.unwrap();
    assert_eq!(count(&get(&collector, "/logs").await, "logs"), (0, 0, 0));

    let answer = call(collector.url(TRACES), &exported("pet", &field(2, b"").repeat(entries))).await;
    assert_eq!(
        count(&get(&collector, "/traces?service=pet").await, "spans"),
        (12_345, 2345, most)
    );
    // It is told to the client, too: `partial_success`.
    assert!(
        String::from_utf8_lossy(&answer).contains("2345 entries were passed over"),
        "{answer:?}"
    );

    let answer = call(collector.url(LOGS), &exported("pet", &field(2, b"").repeat(entries))).await;
    assert_eq!(
        count(&get(&collector, "/logs?service=pet").await, "logs"),
        (12_345, 2345, most)
    );
    assert!(
        String::from_utf8_lossy(&answer).contains("2345 entries were passed over"),
        "{answer:?}"
    );

    let answer = call(collector.url(METRICS), &exported("pet", &sum("hits", entries))).await;
    assert_eq!(count(&get(&collector, "/metrics").await, "metrics"), (12_345, 2345, 1));
    assert!(
        String::from_utf8_lossy(&answer).contains("2345 entries were passed over"),
        "{answer:?}"
    );

    // Over HTTP, as protobuf and as JSON.
    let spans = vec![json!({}); entries];
    let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
    let answer = client()
        .post(collector.url("/v1/traces"))
        .json(&json)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        answer["partialSuccess"]["rejectedSpans"].to_string().trim_matches('"'),
        "2345"
    );
    assert_eq!(get(&collector, "/traces").await["count"], 2 * 12_345);
    let spans = vec![json!({"traceId": "1", "id": "1"}); entries];
    client()
        .post(collector.url("/api/v2/spans"))
        .json(&spans)
        .send()
        .await
        .unwrap();
    assert_eq!(get(&collector, "/traces").await["count"], 3 * 12_345);
}

#[tokio::test]
async fn what_is_common_to_many_entries_is_cut() {
    let collector = collector().await;
    let long = "n".repeat(100_000);
    call(
        collector.url(ALS),
        &[node(&long), field(3, &field(1, b"").repeat(3))].concat(),
    )
    .await;
    call(collector.url(TRACES), &exported(&long, &field(2, b"").repeat(3))).await;
    call(collector.url(LOGS), &exported(&long, &field(2, b"").repeat(3))).await;
    let cut = &long[..1024];
    assert_eq!(
        count(&get(&collector, &format!("/logs?service={cut}")).await, "logs"),
        (6, 0, 6)
    );
    assert_eq!(
        count(&get(&collector, &format!("/traces?service={cut}")).await, "spans"),
        (3, 0, 3)
    );
    // A metric that is called so is not kept, and nor is one of which nobody knows whose it is.
    call(collector.url(METRICS), &exported("pet", &sum(&long, 3))).await;
    call(collector.url(METRICS), &exported(&long, &sum("hits", 3))).await;
    assert_eq!(count(&get(&collector, "/metrics").await, "metrics"), (6, 6, 0));
    // An entry that is longer than any is not looked at.
    let span = field(2, &field(5, "x".repeat(300_000).as_bytes()));
    call(collector.url(TRACES), &exported("long", &span)).await;
    assert_eq!(
        count(&get(&collector, "/traces?service=long").await, "spans"),
        (4, 1, 0)
    );
}

#[tokio::test]
async fn a_time_that_cannot_be_is_no_end_of_the_stream() {
    let collector = collector().await;
    for seconds in [i64::MAX, i64::MIN] {
        let common = AccessLogCommon {
            start_time: Some(Timestamp {
                seconds,
                nanos: i32::MIN,
            }),
            duration: Some(Duration {
                seconds,
                nanos: i32::MAX,
            }),
            ..AccessLogCommon::default()
        };
        let entry = HttpAccessLogEntry {
            common_properties: Some(common),
            ..HttpAccessLogEntry::default()
        };
        call(
            collector.url(ALS),
            &[node("edge"), field(2, &field(1, &entry.encode_to_vec()))].concat(),
        )
        .await;
    }
    let logs = get(&collector, "/logs").await;
    assert_eq!(
        (&logs["logs"][0]["duration_us"], &logs["logs"][1]["start_us"]),
        (&json!(i64::MAX), &json!(i64::MIN))
    );
}

#[tokio::test]
async fn json_of_very_many_objects_is_refused() {
    let collector = collector().await;
    let spans = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{}}{}]}}]}}]}}"#,
        ",{}".repeat(100_000)
    );
    let zipkin = format!("[{{}}{}]", ",{}".repeat(100_000));
    for (path, body) in [("/v1/traces", spans), ("/api/v2/spans", zipkin)] {
        let request = client()
            .post(collector.url(path))
            .header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert!(answer.text().await.unwrap().contains("send it in parts"));
    }
}

#[tokio::test]
async fn what_is_sent_over_http1_is_refused_whatever_it_says_that_it_is() {
    let collector = collector().await;
    for path in [ALS, TRACES, LOGS, METRICS] {
        for kind in ["application/grpc", "text/plain"] {
            let request = client().post(collector.url(path)).header("content-type", kind);
            let answer = request.body(&[0; 5][..]).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::HTTP_VERSION_NOT_SUPPORTED, "{path} {kind}");
        }
    }
}

/// The most memory that a process has had, in MiB.
#[cfg(target_os = "linux")]
fn peak(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_worst_that_a_message_can_be_takes_little_memory_and_keeps_nobody_from_stopping() {
    let collector = Binary::start(env!("CARGO_BIN_EXE_collector"), &[]);
    let (most, long) = (1_900_000, "s".repeat(1_000_000));
    let worst = [
        (ALS, [node("edge"), field(2, &field(1, b"").repeat(most))].concat()),
        (ALS, [node(&long), field(2, &field(1, b"").repeat(most / 2))].concat()),
        // Its identifier has as many extensions.
        (ALS, field(1, &field(1, &[0x4a, 0].repeat(most)))),
        (TRACES, exported(&long, &field(2, b"").repeat(most / 2))),
        (LOGS, exported(&long, &field(2, b"").repeat(most / 2))),
        (METRICS, exported(&long, &sum("hits", most / 2))),
        (METRICS, exported("pet", &sum(&long, most / 2))),
        (TRACES, field(1, b"").repeat(most)),
    ];
    for (method, message) in &worst {
        call(collector.url(method), message).await;
    }
    // Twice what it takes, and a twentieth of what it took.
    let peak = peak(collector.id());
    assert!(peak < 160, "{peak} MiB");

    // It stops in the middle of such messages.
    let (method, message) = worst.into_iter().next().unwrap();
    let url = collector.url(method);
    let mut calls = Vec::new();
    for _ in 0..4 {
        let (url, message) = (url.clone(), message.clone());
        calls.push(tokio::spawn(async move { call(url, &message).await }));
    }
    tokio::task::yield_now().await;
    collector.terminate();
    let (status, _) = collector.wait().await;
    assert_eq!(status.code(), Some(0));
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}
