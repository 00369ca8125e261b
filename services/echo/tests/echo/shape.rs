//! Answers that are shaped: trailers, long bodies, slow ones, and such as break off; by headers and by `/faults`.

use std::time::{Duration, Instant};

use meshkat_kit::testing::{Running, exchange};
use reqwest::Client;

use crate::{client, echo};

/// What a client over HTTP/1.1 gets on its connection.
async fn raw(echo: &Running, headers: &str) -> String {
    let request = format!("GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    String::from_utf8(exchange(echo.address(), request.as_bytes()).await).unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn a_body_has_as_many_bytes_as_were_asked_for() {
    let echo = echo().await;
    for bytes in [0, 1, 100_000] {
        let request = client().get(echo.url("/hello")).header("x-echo-body-bytes", bytes);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.content_length(), Some(bytes));
        assert_eq!(answer.bytes().await.unwrap().len() as u64, bytes);
    }
}

#[tokio::test]
async fn trailers_come_after_the_body() {
    let echo = echo().await;
    let answer = raw(&echo, "te: trailers\r\nx-echo-trailer: x-sum: 7\r\n").await;
    assert!(
        answer.contains("trailer: x-sum\r\n") && answer.contains("transfer-encoding: chunked\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn with_trailers_no_length_is_told() {
    // Over HTTP/2 both would go together; but an Envoy passes the length on to a client over HTTP/1.1, and then the trailers have no place.
    let echo = echo().await;
    let h2 = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for client in [&h2, &client()] {
        for body in [None, Some("10")] {
            let request = client
                .get(echo.url("/hello"))
                .header("te", "trailers")
                .header("x-echo-trailer", "x-sum: 7");
            let request = body
                .into_iter()
                .fold(request, |request, bytes| request.header("x-echo-body-bytes", bytes));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers().get("content-length"), None, "{body:?}");
            assert_eq!(
                answer.bytes().await.unwrap().len(),
                if body.is_some() { 10 } else { 13 }
            );
        }
        let answer = client.get(echo.url("/hello")).send().await.unwrap();
        assert_eq!(answer.headers()["content-length"], "13");
    }
}

#[tokio::test]
async fn a_body_breaks_off_after_so_many_bytes() {
    let echo = echo().await;
    for (bytes, expected) in [
        ("0", ""),
        ("5", "Hello"),
        ("13", "Hello, World!"),
        ("99", "Hello, World!"),
    ] {
        let answer = raw(&echo, &format!("x-echo-abort-after: {bytes}\r\n")).await;
        assert!(answer.contains("content-length: 13\r\n"), "{answer}");
        assert_eq!(body(&answer), expected, "{bytes}");
    }
    let h2 = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let request = h2
        .get(echo.url("/"))
        .header("x-echo-body-bytes", 100_000)
        .header("x-echo-abort-after", 20_000);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap_err();
    // The stream alone: the connection goes on.
    assert_eq!(h2.get(echo.url("/hello")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_slow_body_takes_its_time() {
    let echo = echo().await;
    let begun = Instant::now();
    // The pause is after each piece: 13 bytes at 65 a second.
    let answer = raw(&echo, "x-echo-body-rate: 65\r\n").await;
    assert_eq!(body(&answer), "Hello, World!");
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn faults_shape_answers_as_headers_do() {
    let echo = echo().await;
    let fault = r#"{"status": 500, "headers": {"x-colour": "red"}, "trailers": {"x-sum": "1"}, "body_bytes": 10, "abort_after": 4}"#;
    let put = client().put(echo.url("/faults")).body(fault).send().await.unwrap();
    assert_eq!(put.status(), 200);
    let answer = raw(&echo, "te: trailers\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.contains("x-colour: red\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("4\r\n0123\r\n"), "{answer}");
}
