//! How connections end, and what is read until then: each end has its word.

use std::{net::SocketAddr, time::Duration};

use indexmap::IndexMap;
use meshkat_driver::{Await, Client, RawRequest, Request, Route, Talk, TcpRequest, Until, Wanted};
use meshkat_model::observation::{NoAnswerKind, PeerEnd};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const LONG: Duration = Duration::from_secs(60);

/// Serves each connection so, until the test's runtime ends.
async fn listen<F>(serve: impl Fn(TcpStream, SocketAddr) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(serve(stream, peer));
        }
    });
    address
}

fn to(address: SocketAddr, timeout: Duration) -> Request {
    let route = Route {
        socket: address,
        host: None,
    };
    Request::new("GET", &route, "/", &IndexMap::<String, String>::new(), timeout).expect("it can be sent")
}

fn raw(text: &str, answers: usize, then: Await) -> RawRequest {
    RawRequest {
        bytes: text.to_owned().into(),
        answers,
        then,
    }
}

fn tcp(text: &str, until: Until, then: Await) -> TcpRequest {
    TcpRequest {
        bytes: text.to_owned().into(),
        half_close: false,
        until,
        then,
    }
}

/// Answers all that comes with this, and then does what is said.
fn answering(
    bytes: &'static [u8],
    end: PeerEnd,
) -> impl Fn(TcpStream, SocketAddr) -> futures::future::BoxFuture<'static, ()> {
    move |mut stream, _| {
        Box::pin(async move {
            let mut some = [0; 1024];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(bytes).await;
            match end {
                PeerEnd::Closed => {
                    let _ = stream.shutdown().await;
                    // What the other side still says is read: unread, it would be a reset.
                    while matches!(stream.read(&mut some).await, Ok(1..)) {}
                }
                PeerEnd::Reset => drop(stream.set_zero_linger()),
                PeerEnd::Open => std::future::pending().await,
            }
        })
    }
}

#[tokio::test]
async fn bytes_come_until_they_are_enough_and_the_end_has_its_word() {
    let client = Client::new();
    for (end, then) in [
        (PeerEnd::Closed, Await::End),
        (PeerEnd::Reset, Await::End),
        (PeerEnd::Open, Await::Open),
    ] {
        let timeout = if end == PeerEnd::Open {
            Duration::from_millis(300)
        } else {
            LONG
        };
        let server = listen(answering(b"hello, world", end)).await;
        let seen = client.tcp(&to(server, timeout), &tcp("x", Until::Nothing, then)).await;
        let came = seen.outcome.expect("there is a connection");
        // What was not read yet is lost with a reset.
        assert!(end == PeerEnd::Reset || came.bytes == b"hello, world", "{came:?}");
        assert_eq!((came.end, came.is_late), (end, false));
    }
    let server = listen(answering(b"hello, world", PeerEnd::Open)).await;
    for (until, least) in [
        (Until::Length(5), 5),
        (Until::Contains(b"wor".to_vec()), 10),
        (Until::Nothing, 0),
    ] {
        let seen = client.tcp(&to(server, LONG), &tcp("x", until, Await::Nothing)).await;
        let came = seen.outcome.expect("there is a connection");
        assert!(
            came.bytes.len() >= least && came.end == PeerEnd::Open && !came.is_late,
            "{came:?}"
        );
    }
    let short = to(server, Duration::from_millis(300));
    let late = client.tcp(&short, &tcp("x", Until::Length(50), Await::Nothing)).await;
    assert!(late.outcome.expect("there is a connection").is_late);
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = nobody.local_addr().expect("it has an address");
    drop(nobody);
    let none = client
        .tcp(&to(address, LONG), &tcp("x", Until::Nothing, Await::Nothing))
        .await;
    assert_eq!(
        none.outcome.expect_err("nobody listens").kind,
        Some(NoAnswerKind::Refused)
    );
}

#[tokio::test]
async fn what_is_sent_ends_and_what_comes_is_still_read() {
    // It answers once all has come.
    let server = listen(|mut stream, _| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        let _ = stream.write_all(&all).await;
    })
    .await;
    let half = TcpRequest {
        half_close: true,
        ..tcp("all of it", Until::Nothing, Await::End)
    };
    let seen = Client::new().tcp(&to(server, LONG), &half).await;
    let came = seen.outcome.expect("there is a connection");
    assert_eq!((came.bytes.as_slice(), came.end), (&b"all of it"[..], PeerEnd::Closed));
}

#[tokio::test]
async fn a_connection_is_from_where_it_is_to_be_behind_what_a_proxy_says() {
    let server = listen(|mut stream, peer| async move {
        let mut some = [0; 1024];
        let read = stream.read(&mut some).await.unwrap_or(0);
        let told = format!("{} {}", peer.ip(), String::from_utf8_lossy(&some[..read]));
        let _ = stream.write_all(told.as_bytes()).await;
    })
    .await;
    let request = to(server, LONG).sent_from(Some([127, 0, 0, 9].into()), b"PROXY UNKNOWN\r\n".to_vec());
    let seen = Client::new().tcp(&request, &tcp("", Until::Nothing, Await::End)).await;
    let came = seen.outcome.expect("there is a connection");
    assert_eq!(String::from_utf8_lossy(&came.bytes), "127.0.0.9 PROXY UNKNOWN\r\n");
    let elsewhere = to(server, LONG).sent_from(Some([192, 0, 2, 1].into()), Vec::new());
    let none = Client::new()
        .tcp(&elsewhere, &tcp("", Until::Nothing, Await::End))
        .await;
    let none = none.outcome.expect_err("it is not of this machine");
    assert!(
        none.kind.is_none() && none.message.starts_with("nothing can be sent from 192.0.2.1"),
        "{none:?}"
    );
}

#[tokio::test]
async fn answers_are_read_one_after_the_other_however_they_are_framed() {
    const ANSWERS: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello\
        HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-t: last\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\
        HTTP/1.0 400 Bad\r\n\r\nuntil the end";
    let server = listen(answering(ANSWERS, PeerEnd::Closed)).await;
    let text = "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\nHEAD /4 HTTP/1.1\r\n\r\nGET /5 HTTP/1.0\r\n\r\n";
    let seen = Client::new().raw(&to(server, LONG), &raw(text, 5, Await::End)).await;
    let told: Vec<(u16, &str)> = seen
        .answers
        .iter()
        .map(|answer| (answer.status, answer.text.as_str()))
        .collect();
    let wanted = [
        (200, "hello"),
        (200, "abcde"),
        (304, ""),
        (200, ""),
        (400, "until the end"),
    ];
    assert_eq!(told, wanted, "{}", seen.summary());
    assert_eq!(
        (
            seen.answers[0].headers["x-a"].as_str(),
            seen.answers[1].trailers["x-t"].as_str()
        ),
        ("1, 2", "last")
    );
    assert_eq!((seen.end, seen.none), (PeerEnd::Closed, None));
}

#[tokio::test]
async fn an_answer_that_is_missing_is_told_as_what_it_is() {
    let client = Client::new();
    let ask = async |bytes: &'static [u8], end: PeerEnd, timeout: Duration| {
        let server = listen(answering(bytes, end)).await;
        let seen = client
            .raw(&to(server, timeout), &raw("GET / HTTP/1.1\r\n\r\n", 1, Await::Nothing))
            .await;
        let none = seen.none.unwrap_or_else(|| panic!("{:?}", seen.answers));
        (none.kind, none.message)
    };
    let broke = |why: &str| (Some(NoAnswerKind::Reset), format!("the connection broke: {why}"));
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello";
    let closed = broke("it was closed before the answer was whole");
    assert_eq!(ask(b"", PeerEnd::Closed, LONG).await, closed);
    assert_eq!(ask(cut, PeerEnd::Closed, LONG).await, closed);
    assert_eq!(ask(b"", PeerEnd::Reset, LONG).await, broke("connection reset"));
    let short = Duration::from_millis(300);
    let late = (Some(NoAnswerKind::Timeout), "nothing within 300ms".to_owned());
    assert_eq!(ask(cut, PeerEnd::Open, short).await, late);
    let (kind, message) = ask(b"SSH-2.0-x\r\n\r\n", PeerEnd::Open, LONG).await;
    assert!(
        kind.is_none() && message.starts_with("what came is not HTTP/1: "),
        "{message}"
    );
    let (kind, message) = ask(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", PeerEnd::Open, LONG).await;
    assert!(kind.is_none() && message.contains("content-length"), "{message}");
    // Where nothing but the end is waited for, that it comes is all.
    let server = listen(answering(b"", PeerEnd::Closed)).await;
    let seen = client.raw(&to(server, LONG), &raw("\0", 0, Await::End)).await;
    assert_eq!((seen.end, seen.none, seen.answers), (PeerEnd::Closed, None, Vec::new()));
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_told_and_a_websocket_that_breaks_is_1006() {
    let client = Client::new();
    let talk = Talk {
        wanted: Wanted {
            messages: 1,
            ..Wanted::default()
        },
        ..Talk::default()
    };
    let wrong = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
    let server = listen(answering(wrong, PeerEnd::Open)).await;
    let seen = client.websocket(&to(server, LONG), &talk).await;
    assert!(
        seen.summary().contains("sec-websocket-accept is not of this request"),
        "{}",
        seen.summary()
    );
    // It says the right word, one message, and then goes without another.
    let server = listen(|mut stream, _| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap_or_default();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        let _ = stream.write_all(&[answer.as_bytes(), b"\x81\x02hi"].concat()).await;
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut [0; 64]).await;
    })
    .await;
    let seen = client
        .websocket(
            &to(server, LONG),
            &Talk {
                until_close: true,
                ..talk
            },
        )
        .await;
    assert_eq!(
        seen.summary(),
        "\"hi\"; closed with 1006: the connection was closed without a close frame"
    );
}
