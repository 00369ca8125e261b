//! Bytes over TCP.

use std::io::ErrorKind;
use std::net::SocketAddr;

use echo::Ports;
use meshkat_kit::Identity;
use meshkat_kit::testing::{DEADLINE, Running, refused};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{ask, client};

async fn tcp() -> (Running, SocketAddr) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let ports = Ports {
        tcp: Some(tcp),
        ..Ports::default()
    };
    let identity = Identity::new("echo", "echo-1").unwrap();
    let running = Running::start(|listener, shutdown| echo::run(listener, ports, identity, shutdown)).await;
    (running, address)
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("in time")
}

#[tokio::test]
async fn bytes_come_back_as_they_were_sent_and_the_end_after_them() {
    let (echo, address) = tcp().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for bytes in [&b"hello\n"[..], b"RESET\n", b"\0\xff"] {
        stream.write_all(bytes).await.unwrap();
        let mut back = vec![0; bytes.len()];
        within(stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(back, bytes);
    }
    // Only one half is closed: what is under way still comes.
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"last");
    let told = ask(client().get(echo.url("/received"))).await;
    let request = &told["requests"][0];
    assert_eq!(
        (&request["protocol"], &request["body_bytes"]),
        (&json!("tcp"), &json!(18))
    );
}

#[tokio::test]
async fn the_beginning_of_a_reset_is_no_reset() {
    let (_echo, address) = tcp().await;
    for bytes in [&b"RESE"[..], b"RESET", b"RESE\n", b""] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut back = Vec::new();
        within(stream.read_to_end(&mut back)).await.unwrap();
        assert_eq!(back, bytes);
    }
}

#[tokio::test]
async fn a_first_line_asks_for_a_reset() {
    let (_echo, address) = tcp().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in [&b"RES"[..], b"ET\n"] {
        stream.write_all(piece).await.unwrap();
    }
    let error = within(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn it_ends_with_the_service() {
    let (echo, address) = tcp().await;
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"x").await.unwrap();
    within(open.read_exact(&mut [0])).await.unwrap();
    let stopped = echo.stop();
    within(stopped).await.unwrap().unwrap();
    assert!(!matches!(within(open.read(&mut [0])).await, Ok(1..)));
    refused(address).await;
}
