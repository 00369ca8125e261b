//! WebSockets, by a client of another make.

use futures::{SinkExt as _, StreamExt as _};
use meshkat_kit::testing::{DEADLINE, Running};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::{ask, client, echo};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(echo: &Running, path: &str) -> Result<Socket, Error> {
    let url = format!("ws://{}{path}", echo.address());
    connect_async(url).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Message {
    let next = tokio::time::timeout(DEADLINE, socket.next()).await;
    next.expect("in time").expect("a message").unwrap()
}

fn closing(message: Message) -> (u16, String) {
    match message {
        Message::Close(Some(CloseFrame { code, reason })) => (code.into(), reason.to_string()),
        other => panic!("{other:?} is no close"),
    }
}

#[tokio::test]
async fn messages_are_echoed_and_pings_answered() {
    let echo = echo().await;
    let mut socket = open(&echo, "/any/path").await.unwrap();
    for message in [Message::text("hello"), Message::binary(vec![0_u8, 255])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await, message);
    }
    socket.send(Message::Ping("there?".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong("there?".into()));
    let frame = CloseFrame {
        code: CloseCode::Library(4001),
        reason: "enough".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    assert_eq!(closing(next(&mut socket).await), (4001, "enough".to_owned()));
    let told = ask(client().get(echo.url("/received"))).await;
    let request = &told["requests"][0];
    assert_eq!(
        (&request["protocol"], &request["path"]),
        (&json!("websocket"), &json!("/any/path"))
    );
    assert_eq!(request["body_bytes"], 7);
}

#[tokio::test]
async fn the_query_asks_for_a_close() {
    let echo = echo().await;
    let mut socket = open(&echo, "/?close=1011&reason=tired").await.unwrap();
    assert_eq!(closing(next(&mut socket).await), (1011, "tired".to_owned()));
    let mut socket = open(&echo, "/?close=4000&after=2").await.unwrap();
    for _ in 0..2 {
        socket.send(Message::text("x")).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text("x"));
    }
    assert_eq!(closing(next(&mut socket).await), (4000, String::new()));
    for query in ["close=1005", "close=999", "close=5000", "close=soon"] {
        match open(&echo, &format!("/?{query}")).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 400, "{query}"),
            other => panic!("{query}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_it() {
    let echo = echo().await;
    let mut socket = open(&echo, "/").await.unwrap();
    let longest = Message::binary(vec![1_u8; 1 << 20]);
    socket.send(longest.clone()).await.unwrap();
    assert_eq!(next(&mut socket).await, longest);
    // Whether all of it can still be sent is the kernel's to say.
    let _ = socket.send(Message::binary(vec![1_u8; (1 << 20) + 1])).await;
    let ended = tokio::time::timeout(DEADLINE, socket.next()).await.expect("in time");
    assert!(!matches!(ended, Some(Ok(Message::Binary(_)))), "{ended:?}");
}

#[tokio::test]
async fn they_are_told_that_the_service_stops_and_are_cut_if_they_stay() {
    let echo = echo().await;
    let mut polite = open(&echo, "/").await.unwrap();
    let _silent = open(&echo, "/").await.unwrap();
    polite.send(Message::text("x")).await.unwrap();
    next(&mut polite).await;
    let stopped = echo.stop();
    assert_eq!(closing(next(&mut polite).await).0, 1001);
    tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap().unwrap();
}
