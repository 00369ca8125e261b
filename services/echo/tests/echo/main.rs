//! Echoes over real sockets, and the binary.

mod grpc;
mod peers;
mod received;
mod shape;
mod tcp;
mod tls;
mod websocket;

use std::time::{Duration, Instant};

use echo::Ports;
use meshkat_kit::Identity;
use meshkat_kit::testing::{Binary, DEADLINE, Running, exchange, refused};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn echo() -> Running {
    let identity = Identity::new("echo", "echo-1").unwrap();
    Running::start(|listener, shutdown| echo::run(listener, Ports::default(), identity, shutdown)).await
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn ask(request: RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_request_is_described_as_it_arrived() {
    let echo = echo().await;
    let request = client()
        .request(
            Method::from_bytes(b"BREW").unwrap(),
            echo.url("/pots/1?milk=a%20bit&milk=none&flag"),
        )
        .header("host", "coffee.example")
        .header("X-Colour", "blue")
        .header("x-colour", "red")
        .body("beans");
    let answer = ask(request).await;
    let port = answer["peer"]["port"].as_u64().unwrap();
    assert!(port > 0 && port != u64::from(echo.address().port()));
    assert_eq!(
        answer,
        json!({
            "method": "BREW",
            "path": "/pots/1",
            "query": "milk=a%20bit&milk=none&flag",
            "query_params": {"milk": "a bit, none", "flag": ""},
            "host": "coffee.example",
            "headers": {"host": "coffee.example", "x-colour": "blue, red", "accept": "*/*", "content-length": "5"},
            "http_version": "HTTP/1.1",
            "peer": {"address": "127.0.0.1", "port": port},
            "instance": "echo-1",
            "body": "beans",
            "body_bytes": 5,
            "body_truncated": false,
        })
    );
}

#[tokio::test]
async fn http_2_has_an_authority_in_place_of_a_host() {
    let echo = echo().await;
    let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let answer = ask(client.get(echo.url("/"))).await;
    assert_eq!(answer["http_version"], "HTTP/2.0");
    assert_eq!(answer["host"], echo.address().to_string());
    assert_eq!(answer["query"], "");
}

#[tokio::test]
async fn a_long_or_binary_body_is_shown_in_part() {
    let echo = echo().await;
    let answer = ask(client().post(echo.url("/")).body(vec![b'a'; 100_000])).await;
    assert_eq!(answer["body"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!(
        (&answer["body_bytes"], &answer["body_truncated"]),
        (&json!(100_000), &json!(true))
    );
    let answer = ask(client().post(echo.url("/")).body(vec![b'a', 0xff])).await;
    assert_eq!(
        (&answer["body"], &answer["body_bytes"]),
        (&json!("a\u{fffd}"), &json!(2))
    );
}

#[tokio::test]
async fn three_paths_have_answers_of_their_own() {
    let echo = echo().await;
    for (path, text) in [
        ("/hello", "Hello, World!".to_owned()),
        (
            "/healthy_check",
            format!("Hello from echo (echo-1) at {}", echo.address()),
        ),
        ("/instance", "echo-1".to_owned()),
    ] {
        let response = client().get(echo.url(path)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.text().await.unwrap()),
            (200, text)
        );
        let answer = ask(client().post(echo.url(path))).await;
        assert_eq!((&answer["method"], &answer["path"]), (&json!("POST"), &json!(path)));
    }
}

#[tokio::test]
async fn headers_steer_the_answer_on_every_path() {
    let echo = echo().await;
    for path in ["/hello", "/anything"] {
        let begun = Instant::now();
        let response = client()
            .get(echo.url(path))
            .header("x-echo-status", "503")
            .header("x-echo-delay", "80ms")
            .header("x-echo-header", "x-envoy-overloaded: true")
            .header("x-echo-header", "set-cookie: a=1")
            .header("x-echo-header", "set-cookie: b=2")
            .header("x-echo-header", "content-type: text/strange")
            .send()
            .await
            .unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(80));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["x-envoy-overloaded"], "true");
        assert_eq!(
            response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(),
            ["a=1", "b=2"]
        );
        assert_eq!(
            response.headers().get_all("content-type").iter().collect::<Vec<_>>(),
            ["text/strange"]
        );
        assert_eq!(response.headers()["x-served-by"], "echo-1");
        assert!(!response.text().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_status_without_a_body_has_none() {
    let echo = echo().await;
    let client = client();
    for status in ["204", "304", "205"] {
        let response = client
            .get(echo.url("/"))
            .header("x-echo-status", status)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_str(), status);
        assert_eq!(response.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_abort_cuts_the_connection_without_an_answer() {
    let echo = echo().await;
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nx-echo-abort: true\r\n\r\n";
    assert_eq!(exchange(echo.address(), request).await, b"");
    let request = b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-echo-abort: false\r\n\r\n";
    assert!(exchange(echo.address(), request).await.ends_with(b"Hello, World!"));
}

#[tokio::test]
async fn an_unknown_header_is_a_problem_that_tells_the_nearest() {
    let echo = echo().await;
    let response = client()
        .get(echo.url("/"))
        .header("x-echo-dealy", "1s")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(
        problem["detail"],
        "there is no header x-echo-dealy; did you mean x-echo-delay?"
    );
}

#[tokio::test]
async fn the_kits_own_paths_are_not_echoed() {
    let echo = echo().await;
    assert_eq!(ask(client().get(echo.url("/whoami"))).await["service"], "echo");
    let through_envoy = client().get(echo.url("/faults")).header("x-forwarded-proto", "http");
    assert_eq!(through_envoy.send().await.unwrap().status(), 404);
    client()
        .put(echo.url("/faults"))
        .body(r#"{"status": 500}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(client().get(echo.url("/hello")).send().await.unwrap().status(), 500);
}

/// Sends a request of which the service is known to have begun to read the body: it says so with `100 Continue`.
async fn begun_request(binary: &Binary) -> TcpStream {
    let work = async {
        let mut stream = TcpStream::connect(binary.address()).await.unwrap();
        let head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap()
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_binary_finishes_a_request_in_flight_within_a_second_of_sigterm() {
    let binary = Binary::start(env!("CARGO_BIN_EXE_echo"), &["--instance", "echo-9"]);
    let mut stream = begun_request(&binary).await;
    binary.terminate();
    refused(binary.address()).await;
    stream.write_all(b"ok").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains(r#""body":"ok""#),
        "{answer}"
    );
    let (status, took) = binary.wait().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn the_binary_ends_within_a_second_even_if_a_request_does_not() {
    let binary = Binary::start(env!("CARGO_BIN_EXE_echo"), &[]);
    let mut stuck = begun_request(&binary).await;
    binary.terminate();
    let (status, took) = binary.wait().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(rest(&mut stuck).await, "");
}
