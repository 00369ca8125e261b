//! What goes over the wire, byte by byte, and over which connections.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use indexmap::IndexMap;
use meshkat_driver::{Client, Load, Pace, Request, Route, Schedule};
use meshkat_model::scenario::value::Connections;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const LONG: Duration = Duration::from_secs(60);

/// Every request that a server has read, as it came, with the number of its connection.
type Heard = Arc<Mutex<Vec<(usize, String)>>>;

/// A server that answers each request with `ok`, until the client has had enough. After `most` of them it closes the connection.
async fn listening(most: usize) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            number += 1;
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                for _ in 0..most {
                    let mut bytes = Vec::new();
                    while !bytes.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => bytes.push(byte),
                            Err(_) => return,
                        }
                    }
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let length = text
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    let mut body = vec![0; length.unwrap_or(0)];
                    if stream.read_exact(&mut body).await.is_err() {
                        return;
                    }
                    let whole = text + &String::from_utf8_lossy(&body);
                    heard.lock().expect("nobody panicked").push((number, whole));
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, told)
}

fn request(
    method: &str,
    to: SocketAddr,
    host: Option<&str>,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Request, String> {
    let route = Route {
        socket: to,
        host: host.map(str::to_owned),
    };
    let headers: IndexMap<String, String> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Request::new(method, &route, path, &headers, LONG)
}

fn all(heard: &Heard) -> Vec<(usize, String)> {
    heard.lock().expect("nobody panicked").clone()
}

#[tokio::test]
async fn a_path_goes_over_the_wire_byte_by_byte() {
    let (to, heard) = listening(usize::MAX).await;
    let client = Client::new();
    let paths = [
        "/open/../private/x",
        "/./private/x",
        r"/open\..\private/x",
        "/private/x#top",
        "/it's?q='a'",
        "/%2e%2E/%7euser/%zz",
        "//double//slash//",
        "/a;b=c/{x}|^`\"<>",
        "/é/ü?ß=ö",
        "/?",
        "/x??a=b&&c#d#e",
    ];
    for path in paths {
        let answer = client
            .send(&request("GET", to, Some("foo.com"), path, &[]).expect("it can be sent"))
            .await;
        assert_eq!(answer.outcome.expect("it is answered").text, "ok", "{path}");
    }
    let sent: Vec<String> = all(&heard).into_iter().map(|(_, bytes)| bytes).collect();
    let wanted = paths.map(|path| format!("GET {path} HTTP/1.1\r\nhost: foo.com\r\n\r\n"));
    assert_eq!(sent, wanted);
}

#[tokio::test]
async fn headers_go_over_the_wire_as_they_are_written_and_in_their_order() {
    let (to, heard) = listening(usize::MAX).await;
    let headers = [
        ("X-Mixed-Case", "Value"),
        ("b", "  spaces  around "),
        ("A", ""),
        ("x-", "tab\there, é and \"quotes\""),
        ("COOKIE", "a=b; c=d"),
    ];
    let put = request("PUT", to, None, "/x", &headers)
        .expect("it can be sent")
        .body(&json!("a body"));
    Client::new().send(&put).await.outcome.expect("it is answered");
    let (_, sent) = all(&heard).pop().expect("it came");
    let wanted = format!(
        "PUT /x HTTP/1.1\r\nhost: {to}\r\nX-Mixed-Case: Value\r\nb:   spaces  around \r\nA: \r\n\
         x-: tab\there, é and \"quotes\"\r\nCOOKIE: a=b; c=d\r\ncontent-length: 6\r\n\r\na body"
    );
    assert_eq!(sent, wanted);
}

#[tokio::test]
async fn what_http_cannot_say_is_refused() {
    let to = "127.0.0.1:1".parse().expect("an address");
    for (path, headers) in [
        ("/a b", [("a", "b")]),
        ("/a\r\nx: y", [("a", "b")]),
        ("a", [("a", "b")]),
        ("/", [("a b", "c")]),
        ("/", [("a", "b\r\nc: d")]),
        ("/", [("a", "\0")]),
    ] {
        assert!(request("GET", to, None, path, &headers).is_err(), "{path} {headers:?}");
    }
    assert!(request("GET", to, Some("a\nb"), "/", &[]).is_err());
}

/// The numbers of the connections over which requests came.
async fn over(times: usize, closes_after: usize, how: Option<Connections>, headers: &[(&str, &str)]) -> Vec<usize> {
    let (to, heard) = listening(closes_after).await;
    let client = Client::new();
    let request = request("GET", to, None, "/", headers).expect("it can be sent");
    let request = match how {
        Some(how) => request.connections(how),
        None => request,
    };
    for _ in 0..times {
        client.send(&request).await.outcome.expect("it is answered");
    }
    all(&heard).into_iter().map(|(number, _)| number).collect()
}

#[tokio::test]
async fn requests_share_a_connection_where_nothing_is_said() {
    assert_eq!(over(5, usize::MAX, None, &[]).await, [1; 5]);
}

#[tokio::test]
async fn fresh_is_a_connection_for_each_request() {
    assert_eq!(
        over(5, usize::MAX, Some(Connections::Fresh), &[]).await,
        [1, 2, 3, 4, 5]
    );
}

#[tokio::test]
async fn so_many_connections_are_used_in_turn() {
    assert_eq!(
        over(7, usize::MAX, Some(Connections::Of(3)), &[]).await,
        [1, 2, 3, 1, 2, 3, 1]
    );
    assert_eq!(over(3, usize::MAX, Some(Connections::Of(1)), &[]).await, [1; 3]);
}

#[tokio::test]
async fn a_connection_that_was_closed_is_made_again() {
    assert_eq!(over(4, 1, Some(Connections::Of(2)), &[]).await, [1, 2, 3, 4]);
    assert_eq!(over(3, 1, None, &[]).await, [1, 2, 3]);
    assert_eq!(over(3, usize::MAX, None, &[("Connection", "close")]).await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_has_no_more_connections_than_it_is_given() {
    let (to, heard) = listening(usize::MAX).await;
    let request = request("GET", to, None, "/", &[])
        .expect("it can be sent")
        .connections(Connections::Of(4));
    let load = Load::start(&Client::new(), vec![request], Pace::Open(Schedule::constant(1000.0)));
    let window = load.window(Duration::ZERO, Duration::from_millis(200)).await;
    assert_eq!(window.errors, 0, "{}", window.summary());
    load.stop().await;
    let mut numbers: Vec<usize> = all(&heard).into_iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, [1, 2, 3, 4]);
}
