//! Clients that begin something and do not go on, over real sockets.

use std::time::Duration;

use axum::routing::{get, post};
use meshkat_kit::testing::{DEADLINE, Running};
use meshkat_kit::{App, Identity, Patience, router, serve};
use reqwest::Client;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const QUICK: Patience = Patience {
    head: Duration::from_millis(100),
    taken_within: Duration::from_secs(60),
    ping_every: Duration::from_millis(100),
    // Long enough for those who are alive on a busy machine.
    pong_within: Duration::from_secs(2),
};
const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

async fn service() -> Running {
    let routes = router()
        .route("/hello", get(|| async { "hello" }))
        .route("/echo", post(|body: String| async { body }));
    let app = App::new(Identity::new("small", "small-1").unwrap(), routes).patience(QUICK);
    Running::start(|listener, shutdown| serve(listener, app, shutdown)).await
}

/// Sends a byte now and then until the other end has had enough.
async fn outstay(mut stream: TcpStream, bytes: &[u8]) {
    let drip = async {
        for byte in bytes.iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            let mut answer = [0; 64];
            // A byte each 10 ms, and an end is noticed at once.
            if let Ok(read) = timeout(Duration::from_millis(10), stream.read(&mut answer)).await
                && read.unwrap_or(0) == 0
            {
                return;
            }
        }
    };
    timeout(DEADLINE, drip).await.expect("an end in time");
}

async fn hello(stream: &mut TcpStream) {
    stream.write_all(HELLO).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let read = timeout(DEADLINE, stream.read_buf(&mut answer)).await.unwrap();
        assert_ne!(read.unwrap(), 0, "closed");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_closed_and_what_is_idle_or_busy_is_not() {
    let service = service().await;
    let connect = async || TcpStream::connect(service.address()).await.unwrap();
    let mut unused = connect().await;
    let mut used = connect().await;
    hello(&mut used).await;
    let mut body = connect().await;
    body.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe")
        .await
        .unwrap();
    // Each outstays what a head may take, so the others have been there for longer.
    outstay(connect().await, b"x").await;
    outstay(connect().await, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx").await;
    hello(&mut unused).await;
    hello(&mut used).await;
    hello(&mut used).await;
    body.write_all(b"llo").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert_ne!(body.read_buf(&mut answer).await.unwrap(), 0, "closed");
    }
    // A second head on a connection has its time too.
    hello(&mut unused).await;
    outstay(unused, b"x").await;
}

#[tokio::test]
async fn an_http2_client_that_gives_no_sign_of_life_is_closed_and_one_that_does_is_not() {
    let service = service().await;
    let alive = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let port = async || {
        let response = alive.get(service.url("/whoami")).send().await.unwrap();
        response.json::<Value>().await.unwrap()["peer"]["port"].clone()
    };
    let before = port().await;
    let mut dead = TcpStream::connect(service.address()).await.unwrap();
    // The preface, and a SETTINGS frame with nothing in it.
    dead.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut heard = Vec::new();
    let ended = timeout(DEADLINE, dead.read_to_end(&mut heard)).await;
    // A reset is an end too.
    let _ = ended.expect("an end in time");
    assert_eq!(port().await, before);
}
