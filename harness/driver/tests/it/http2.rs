//! HTTP/2, without TLS: what is sent, over which connections, and what goes wrong.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request as HttpRequest, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use indexmap::IndexMap;
use meshkat_driver::{Client, Load, Pace, Request, Route, Schedule};
use meshkat_model::{
    observation::{HttpVersion, NoAnswerKind},
    scenario::{
        value::{Connections, Protocol},
        wire::{not_a_path, not_a_path_of_http2},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

use crate::servers::{get, serve};

const LONG: Duration = Duration::from_secs(60);

/// Answers what comes over a connection, in HTTP/1.1 or HTTP/2: what was asked, and a trailer.
pub(crate) async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(async |request: HttpRequest<Incoming>| {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let mut told = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version);
        for (name, value) in &parts.headers {
            told.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
        told.push_str(&String::from_utf8_lossy(&body.unwrap_or_default()));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-trailer", HeaderValue::from_static("behind"));
        let body = Full::new(Bytes::from(told)).with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
        Response::builder().body(body)
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

/// The connections that a server took.
type Taken = Arc<Mutex<usize>>;

/// A server that does so much with each connection.
async fn listening<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, Taken)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let taken = Taken::default();
    let told = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            *taken.lock().expect("nobody panicked") += 1;
            tokio::spawn(serve(stream));
        }
    });
    (address, told)
}

fn request(method: &str, to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Request, String> {
    let route = Route {
        socket: to,
        host: Some("foo.com".to_owned()),
    };
    let headers: IndexMap<String, String> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Request::new(method, &route, path, &headers, LONG)?.over(Some(Protocol::H2), None)
}

#[tokio::test]
async fn what_is_said_is_what_is_sent() {
    let (to, _) = listening(answer).await;
    let client = Client::new();
    let post = request(
        "POST",
        to,
        "/a/../b?x='1'&y={}",
        &[("X-Mixed-Case", " a  b "), ("te", "trailers")],
    );
    let post = post.expect("it can be sent").body(&serde_json::json!({"a": 1}));
    let answer = client.send(&post).await.outcome.expect("it is answered");
    assert_eq!(
        answer.text,
        "POST http://foo.com/a/../b?x='1'&y={} HTTP/2.0\nx-mixed-case:  a  b \nte: trailers\n\
         content-type: application/json\ncontent-length: 7\n{\"a\":1}"
    );
    assert_eq!(answer.exchange.version, HttpVersion::Http2);
    assert_eq!(answer.exchange.tls, None);
    assert_eq!(answer.trailers.get("x-trailer").map(String::as_str), Some("behind"));
}

#[tokio::test]
async fn trailers_of_http_1_are_told_too() {
    let (to, _) = serve(|mut connection| async move {
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: behind\r\n\r\n";
        connection.send(answer.as_bytes()).await;
    })
    .await;
    let answer = Client::new()
        .send(&get(to, LONG))
        .await
        .outcome
        .expect("it is answered");
    assert_eq!((answer.text.as_str(), answer.headers.len()), ("ok", 1));
    assert_eq!(
        answer.trailers,
        IndexMap::from([("x-trailer".to_owned(), "behind".to_owned())])
    );
    assert_eq!(answer.exchange.version, HttpVersion::Http11);
}

#[test]
fn what_http_2_cannot_say_is_refused() {
    let to = "127.0.0.1:1".parse().expect("an address");
    for (path, headers) in [
        ("/a#b", [("a", "b")]),
        ("/a<b", [("a", "b")]),
        ("/", [("Connection", "close")]),
        ("/", [("transfer-encoding", "chunked")]),
        ("/", [("te", "gzip")]),
    ] {
        assert!(request("GET", to, path, &headers).is_err(), "{path} {headers:?}");
    }
}

#[test]
fn what_is_refused_before_a_run_is_what_cannot_be_sent() {
    let to = "127.0.0.1:1".parse().expect("an address");
    for letter in (0..=0x17f).filter_map(char::from_u32) {
        for path in [format!("/a{letter}b"), format!("/a?b{letter}c")] {
            if not_a_path(&path).is_some() {
                continue;
            }
            let is_refused = not_a_path_of_http2(&path).is_some();
            assert_eq!(request("GET", to, &path, &[]).is_err(), is_refused, "{path:?}");
        }
    }
}

/// How many connections are made for requests, some at the same time.
async fn connections(how: Option<Connections>, rounds: usize, at_once: usize) -> usize {
    let (to, taken) = listening(answer).await;
    let client = Client::new();
    let get = request("GET", to, "/", &[]).expect("it can be sent");
    let get = match how {
        Some(how) => get.connections(how),
        None => get,
    };
    for _ in 0..rounds {
        let sent = futures::future::join_all((0..at_once).map(|_| client.send(&get))).await;
        for response in sent {
            response.outcome.expect("it is answered");
        }
    }
    *taken.lock().expect("nobody panicked")
}

#[tokio::test]
async fn streams_share_connections() {
    assert_eq!(connections(None, 3, 50).await, 1);
    assert_eq!(connections(Some(Connections::Of(3)), 3, 50).await, 3);
    assert_eq!(connections(Some(Connections::Fresh), 2, 5).await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_goes_over_streams() {
    let (to, taken) = listening(answer).await;
    let get = request("GET", to, "/", &[]).expect("it can be sent");
    let pace = Pace::Open(Schedule::constant(1000.0));
    let load = Load::start(&Client::new(), vec![get.connections(Connections::Of(4))], pace);
    let window = load.window(Duration::ZERO, Duration::from_millis(200)).await;
    assert_eq!(window.errors, 0, "{}", window.summary());
    load.stop().await;
    assert_eq!(*taken.lock().expect("nobody panicked"), 4);
}

/// A server of HTTP/2 that does so with each request.
async fn with_streams(each: fn(SendResponse<Bytes>)) -> SocketAddr {
    let (to, _) = listening(move |stream| async move {
        let Ok(mut connection) = h2::server::handshake(stream).await else {
            return;
        };
        while let Some(Ok((_, respond))) = connection.accept().await {
            each(respond);
        }
    })
    .await;
    to
}

async fn told(to: SocketAddr) -> (Option<NoAnswerKind>, String) {
    let get = request("GET", to, "/", &[]).expect("it can be sent");
    let none = Client::new().send(&get).await.outcome.expect_err("there is no answer");
    (none.kind, none.message)
}

#[tokio::test]
async fn what_goes_wrong_has_the_name_of_its_code() {
    let refused = with_streams(|mut respond| respond.send_reset(Reason::REFUSED_STREAM)).await;
    let half = with_streams(|mut respond| {
        let head = respond.send_response(Response::new(()), false);
        head.expect("it is sent").send_reset(Reason::INTERNAL_ERROR);
    })
    .await;
    // Half of an answer that is reset without an error is half of an answer, and not a whole one: SETTINGS, HEADERS with the status
    // 200, DATA without END_STREAM, RST_STREAM with NO_ERROR.
    let (short, _) = listening(|mut stream| async move {
        let frames = [
            &b"\0\0\0\x04\0\0\0\0\0"[..],
            b"\0\0\x01\x01\x04\0\0\0\x01\x88",
            b"\0\0\x04\0\0\0\0\0\x01half",
            b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\0",
        ];
        // The stream is open once its HEADERS have come.
        let mut came = Vec::new();
        while !came.windows(5).any(|five| five[0] == 1 && five[1..] == [5, 0, 0, 0]) {
            if tokio::io::AsyncReadExt::read_buf(&mut stream, &mut came)
                .await
                .unwrap_or(0)
                == 0
            {
                return;
            }
        }
        drop(tokio::io::AsyncWriteExt::write_all(&mut stream, &frames.concat()).await);
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    })
    .await;
    // SETTINGS, and a GOAWAY that says that no stream was looked at.
    let (calm, _) = listening(|mut stream| async move {
        let frames = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b";
        drop(tokio::io::AsyncWriteExt::write_all(&mut stream, frames).await);
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    })
    .await;
    let own = with_streams(|mut respond| respond.send_reset(Reason::from(0xbeef))).await;
    let (http1, _) = serve(|_| async {}).await;
    let (plain, _) = listening(|mut stream| async move {
        let text = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        drop(tokio::io::AsyncWriteExt::write_all(&mut stream, text).await);
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    })
    .await;
    let reset = |text: &str| (Some(NoAnswerKind::ResetStream), text.to_owned());
    assert_eq!(
        told(refused).await,
        reset("the peer reset the stream: RST_STREAM REFUSED_STREAM")
    );
    assert_eq!(
        told(half).await,
        reset("the peer reset the stream: RST_STREAM INTERNAL_ERROR")
    );
    assert_eq!(
        told(short).await,
        reset("the peer reset the stream: RST_STREAM NO_ERROR")
    );
    assert_eq!(told(own).await, reset("the peer reset the stream: RST_STREAM 0xbeef"));
    let goaway = "the peer ended the connection: GOAWAY ENHANCE_YOUR_CALM".to_owned();
    assert_eq!(told(calm).await, (Some(NoAnswerKind::Goaway), goaway));
    let text = "what came is not HTTP/2: FRAME_SIZE_ERROR".to_owned();
    assert_eq!(told(plain).await, (Some(NoAnswerKind::Reset), text));
    // It reads the preface as a request, and closes.
    assert_eq!(told(http1).await.0, Some(NoAnswerKind::Reset));
}

#[tokio::test]
async fn a_connection_that_was_ended_is_made_again() {
    let (to, taken) = listening(|stream| async move {
        let Ok(mut connection) = h2::server::handshake(stream).await else {
            return;
        };
        if let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_response(Response::new(()), true).expect("it is sent");
            connection.graceful_shutdown();
            while connection.accept().await.is_some() {}
        }
    })
    .await;
    let client = Client::new();
    let get = request("GET", to, "/", &[]).expect("it can be sent");
    for number in 1..=3 {
        let answer = client.send(&get).await.outcome;
        assert_eq!(answer.expect("it is answered").exchange.connection(), "new", "{number}");
    }
    assert_eq!(*taken.lock().expect("nobody panicked"), 3);
}
