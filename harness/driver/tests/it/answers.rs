//! One request, and answers that are too much.

use std::{sync::atomic::Ordering, time::Duration};

use meshkat_driver::{Client, LONGEST_BODY};
use meshkat_model::observation::{Answer, NoAnswer, NoAnswerKind};

use crate::servers::{Connection, Seen, get, serve};

/// Longer than any of these tests may take.
const LONG: Duration = Duration::from_secs(60);

async fn ask<F>(timeout: Duration, answer: impl Fn(Connection) -> F + Copy + Send + 'static) -> (Outcome, Seen)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (address, seen) = serve(answer).await;
    let client = Client::new();
    (client.send(&get(address, timeout)).await.outcome, seen)
}

type Outcome = Result<Answer, NoAnswer>;

/// Sends a piece again and again, to a quarter of a gigabyte at the most: more than is read, and little enough for a test that
/// fails.
async fn without_end(mut connection: Connection, head: &str, piece: &[u8]) {
    let mut goes_on = connection.send(head.as_bytes()).await;
    let mut sent = 0;
    while goes_on && sent < 256 << 20 {
        goes_on = connection.send(piece).await;
        sent += piece.len();
    }
}

#[tokio::test]
async fn a_body_without_end_is_given_up() {
    let (outcome, seen) = ask(LONG, |connection| async move {
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        without_end(
            connection,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            &chunk,
        )
        .await;
    })
    .await;
    let none = outcome.expect_err("it was given up");
    assert_eq!(none.kind, None, "no expectation of an `error` is about it");
    assert_eq!(
        none.message,
        "the answer, a 200, was given up: its body is longer than 4 MiB"
    );
    // What the kernel holds for the two is not read either.
    assert!(
        seen.bytes() < LONGEST_BODY + (64 << 20),
        "{} bytes were sent",
        seen.bytes()
    );
}

#[tokio::test]
async fn a_body_of_ten_gigabytes_is_given_up() {
    let (outcome, seen) = ask(LONG, |connection| async move {
        without_end(
            connection,
            "HTTP/1.1 503 Sorry\r\ncontent-length: 10000000000\r\n\r\n",
            &[b'x'; 0x10000],
        )
        .await;
    })
    .await;
    let none = outcome.expect_err("it was given up");
    assert_eq!(
        none.message,
        "the answer, a 503, was given up: its body is longer than 4 MiB"
    );
    assert!(
        seen.bytes() < LONGEST_BODY + (64 << 20),
        "{} bytes were sent",
        seen.bytes()
    );
}

#[tokio::test]
async fn a_body_of_the_longest_length_is_read() {
    let (outcome, _) = ask(LONG, |mut connection| async move {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LONGEST_BODY}\r\n\r\n");
        connection.send(head.as_bytes()).await;
        connection.send(&vec![b'x'; LONGEST_BODY]).await;
    })
    .await;
    assert_eq!(outcome.expect("it is an answer").text.len(), LONGEST_BODY);
}

#[tokio::test]
async fn headers_of_ten_megabytes_are_given_up() {
    let (outcome, seen) = ask(LONG, |connection| async move {
        let header = format!("x-more: {}\r\n", "x".repeat(8000));
        without_end(connection, "HTTP/1.1 200 OK\r\n", header.as_bytes()).await;
    })
    .await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert!(seen.bytes() < 64 << 20, "{} bytes were sent", seen.bytes());
}

#[tokio::test]
async fn headers_that_are_longer_than_an_envoy_lets_through_are_given_up() {
    for (header, what) in [
        (
            format!("x-more: {}", "x".repeat(70_000)),
            "its headers are longer than 64 KiB",
        ),
        (
            format!("x-served-by: {}", "pod,".repeat(500)),
            "its header x-served-by is longer than 1024 bytes",
        ),
        (
            vec!["x-upstream-served-by: a-pod-with-a-name-of-forty-characters-1"; 40].join("\r\n"),
            "its header x-upstream-served-by is longer than 1024 bytes",
        ),
    ] {
        let header: &'static str = header.leak();
        let (outcome, _) = ask(LONG, move |mut connection| async move {
            let answer = format!("HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: 0\r\n\r\n");
            connection.send(answer.as_bytes()).await;
        })
        .await;
        let none = outcome.expect_err("it was given up");
        assert_eq!(none.message, format!("the answer was given up: {what}"));
        assert_eq!(none.kind, None);
    }
}

#[tokio::test]
async fn a_server_that_drips_is_timed_out_as_one_that_says_nothing() {
    // Each of these would go on for as long as the client listens.
    let head: (&str, &str) = ("HTTP/1.1 200 OK\r\n", "x-more: 1\r\n");
    let body: (&str, &str) = ("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "x");
    for (begin, piece) in [head, body] {
        let (outcome, _) = ask(Duration::from_millis(500), move |mut connection| async move {
            let mut goes_on = connection.send(begin.as_bytes()).await;
            let mut beat = tokio::time::interval(Duration::from_millis(50));
            while goes_on {
                beat.tick().await;
                goes_on = connection.send(piece.as_bytes()).await;
            }
        })
        .await;
        assert_eq!(outcome.expect_err("it never ends").kind, Some(NoAnswerKind::Timeout));
    }
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends_with_the_timeout() {
    let (outcome, _) = ask(Duration::from_millis(500), |connection| async move {
        without_end(connection, "", &b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)).await;
        // Open for longer than anybody waits.
        std::future::pending::<()>().await;
    })
    .await;
    assert!(outcome.is_err(), "{outcome:?}");
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    let (outcome, _) = ask(LONG, |mut connection| async move {
        connection.send(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50)).await;
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    assert_eq!(outcome.expect("it is an answer").status, 204);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (outcome, seen) = ask(LONG, |mut connection| async move {
        connection
            .send(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")
            .await;
    })
    .await;
    assert_eq!(outcome.expect("it is an answer").status, 302);
    assert_eq!(seen.requests(), 1);
}

#[tokio::test]
async fn nothing_is_decompressed() {
    // A kilobyte that says that it stands for a megabyte.
    let (outcome, _) = ask(LONG, |mut connection| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1024\r\n\r\n";
        connection.send(head.as_bytes()).await;
        connection.send(&[b'x'; 1024]).await;
    })
    .await;
    let answer = outcome.expect("it is an answer");
    assert_eq!(
        (answer.text.len(), answer.headers["content-encoding"].as_str()),
        (1024, "gzip")
    );
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for garbage in [
        "\u{0}\u{1}\u{2}",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    ] {
        let (outcome, seen) = ask(LONG, move |mut connection| async move {
            connection.send(garbage.as_bytes()).await;
        })
        .await;
        assert!(outcome.is_err(), "{garbage:?}: {outcome:?}");
        assert_eq!(seen.requests.load(Ordering::SeqCst), 1, "it is not asked again");
    }
}
