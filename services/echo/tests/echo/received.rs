//! What reached it, as `/received` tells.

use meshkat_kit::testing::{Binary, DEADLINE};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::{ask, client, echo};

#[tokio::test]
async fn what_reached_it_is_told_until_it_is_to_forget() {
    let echo = echo().await;
    let request = client()
        .post(echo.url("/orders?x=1"))
        .header("host", "foo.com")
        .header("x-colour", "blue")
        .body("an order");
    request.send().await.unwrap();
    let mut told = ask(client().get(echo.url("/received"))).await;
    assert_eq!((&told["count"], &told["left_out"]), (&json!(1), &json!(0)));
    let request = told["requests"][0].take();
    for (name, value) in [
        ("protocol", json!("http")),
        ("method", json!("POST")),
        ("path", json!("/orders")),
        ("query", json!("x=1")),
        ("host", json!("foo.com")),
        ("http_version", json!("HTTP/1.1")),
        ("body", json!("an order")),
        ("body_bytes", json!(8)),
        ("body_truncated", json!(false)),
    ] {
        assert_eq!(request[name], value, "{name}");
    }
    assert_eq!(request["headers"]["x-colour"], "blue");
    assert_eq!(request["peer"]["address"], "127.0.0.1");
    assert_eq!(request.get("tls"), None);
    // What is the kit's own did not reach the service.
    ask(client().get(echo.url("/whoami"))).await;
    assert_eq!(ask(client().get(echo.url("/received"))).await["count"], 1);
    let forgets = client().delete(echo.url("/received")).send().await.unwrap();
    assert_eq!(forgets.status(), StatusCode::NO_CONTENT);
    let told = ask(client().get(echo.url("/received"))).await;
    assert_eq!((&told["count"], &told["requests"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_request_that_a_fault_struck_had_reached_it() {
    let echo = echo().await;
    client()
        .put(echo.url("/faults"))
        .body(r#"{"status": 503}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(client().get(echo.url("/")).send().await.unwrap().status(), 503);
    assert_eq!(ask(client().get(echo.url("/received"))).await["count"], 1);
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_what_is_counted_is_not() {
    let echo = echo().await;
    let client = client();
    for _ in 0..1003 {
        client.get(echo.url("/hello")).send().await.unwrap();
    }
    let body = vec![b'a'; 100_000];
    client.post(echo.url("/")).body(body).send().await.unwrap();
    let told = ask(client.get(echo.url("/received"))).await;
    assert_eq!((&told["count"], &told["left_out"]), (&json!(1004), &json!(4)));
    let requests = told["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 1000);
    let last = &requests[999];
    assert_eq!(last["body"].as_str().unwrap().len(), 16 << 10);
    assert_eq!(
        (&last["body_bytes"], &last["body_truncated"]),
        (&json!(100_000), &json!(true))
    );
}

#[tokio::test]
async fn what_is_told_is_no_longer_than_what_is_kept() {
    let echo = echo().await;
    let client = client();
    // Each byte is six in JSON.
    let body = vec![1; 16 << 10];
    for _ in 0..60 {
        client.post(echo.url("/")).body(body.clone()).send().await.unwrap();
    }
    // So is a method what somebody else says.
    let method = reqwest::Method::from_bytes(&[b'A'; 50_000]).unwrap();
    for _ in 0..60 {
        client.request(method.clone(), echo.url("/")).send().await.unwrap();
    }
    let told = client
        .get(echo.url("/received"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(told.len() <= 4 << 20, "{}", told.len());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["count"], 120);
    assert!(told["requests"].as_array().unwrap().len() > 60, "{}", told["left_out"]);
}

#[tokio::test]
async fn who_does_not_read_what_is_told_keeps_nobody_waiting() {
    let echo = Binary::start(env!("CARGO_BIN_EXE_echo"), &[]);
    let client = client();
    for _ in 0..60 {
        client.post(echo.url("/")).body(vec![1; 16 << 10]).send().await.unwrap();
    }
    let mut deaf = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(echo.address()).await.unwrap();
        stream
            .write_all(b"GET /received HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        deaf.push(stream);
    }
    // Many, one after the other, while those wait: in the time in which one of them alone would be in time.
    let asked = async {
        for _ in 0..30 {
            let answer = client.get(echo.url("/healthz")).send().await.unwrap();
            assert_eq!(answer.status(), 200);
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.expect("all are answered");
}

#[tokio::test]
async fn it_is_for_those_who_run_the_service() {
    let echo = echo().await;
    for (name, value, status) in [
        ("x-forwarded-proto", "http", 404),
        ("x-envoy-expected-rq-timeout-ms", "15000", 404),
        ("host", "evil.example", 421),
    ] {
        for request in [
            client().get(echo.url("/received")),
            client().delete(echo.url("/received")),
        ] {
            let answer = request.header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), status, "{name}");
        }
    }
    let page = client()
        .delete(echo.url("/received"))
        .header("origin", "http://evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
    let told: Value = ask(client().get(echo.url("/received"))).await;
    assert_eq!(told["count"], 0);
}
