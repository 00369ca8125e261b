//! What gRPC, WebSockets, TCP and requests byte by byte can ask for, and what they say when they do not get it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::StatusCode,
    response::IntoResponse,
    routing::{any, get},
};
use meshkat_model::mesh::Port;
use meshkat_runtime::{Capabilities, Capability};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{servers::serve, world::World};

/// A descriptor set of one file, which is its field 1.
const DESCRIPTOR: &[u8] = include_bytes!("../../../../scenarios/invalid/scenarios/echo.binpb");

const UNARY: &str = "grpc: meshkat.echo.v1.Echo/Unary, direct: echo";

/// A field of bytes of a message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![(number << 3) | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(((length & 0x7f) as u8) | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    [out, bytes.to_vec()].concat()
}

/// A message as gRPC frames it, of a call that is OK.
fn answered(message: &[u8]) -> impl IntoResponse + use<> {
    let length = (message.len() as u32).to_be_bytes();
    let body = [&[0][..], &length, message].concat();
    let headers = [
        ("content-type", "application/grpc"),
        ("grpc-status", "0"),
        ("x-served-by", "echo"),
    ];
    (headers, body)
}

/// A world whose application is a gRPC service that is away for so many calls; it counts the calls, and who asked what it is.
async fn grpc(away: usize) -> (World, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let world = World::new();
    let (calls, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, described) = (Arc::clone(&calls), Arc::clone(&asked));
    let unary = move || async move {
        match counted.fetch_add(1, Ordering::SeqCst) < away {
            true => (StatusCode::SERVICE_UNAVAILABLE, "away").into_response(),
            // `message: "hello"`, `number: 1`.
            false => answered(&[field(1, b"hello"), vec![3 << 3, 1]].concat()).into_response(),
        }
    };
    let reflection = move || async move {
        described.fetch_add(1, Ordering::SeqCst);
        // The set is one field 1: the file, with its length in two bytes.
        let file = &DESCRIPTOR[3..];
        answered(&field(4, &field(1, file)))
    };
    let router = Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .route("/meshkat.echo.v1.Echo/Unary", any(unary))
        .route(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            any(reflection),
        );
    serve(world.socket("echo", Port::Application), router).await;
    (world, calls, asked)
}

#[tokio::test]
async fn a_call_is_made_as_reflection_describes_it_which_is_asked_once() {
    let (world, calls, asked) = grpc(0).await;
    let steps = format!(
        "  - {{{UNARY}, message: {{message: hello}}, status: OK, reply: {{message: hello, number: 1}}, served-by: echo, keep: first}}\n  \
         - {{{UNARY}, times: 5, parallel: 2, status: [OK, ABORTED], distinct: {{echo: 1}}}}\n  - check: first.reply.message == 'hello'\n"
    );
    let ran = world.run(vec![world.one("a/calls", &steps)]).await;
    ran.passed();
    assert_eq!((calls.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (6, 1));
}

#[tokio::test]
async fn a_call_may_become_what_it_is_to_be_and_is_told_by_the_name_of_its_status() {
    let (world, calls, _) = grpc(3).await;
    let step = format!("  - {{{UNARY}, within: 20s, status: OK}}\n");
    world.run(vec![world.one("a/within", &step)]).await.passed();
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    let (world, ..) = grpc(9).await;
    let step = format!("  - {{{UNARY}, status: OK}}\n");
    let ran = world.run(vec![world.one("a/away", &step)]).await;
    let failure = ran.failed();
    assert_eq!(
        (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str(),
            failure.line
        ),
        (
            "wrong status",
            "status OK",
            "UNAVAILABLE (no grpc-status: HTTP says 503)",
            4
        )
    );
    let step = format!("  - {{{UNARY}, message: {{count: many}}, status: OK}}\n");
    let ran = world.run(vec![world.one("a/misfit", &step)]).await;
    assert!(
        ran.failed()
            .message
            .starts_with("this is no meshkat.echo.v1.EchoRequest: "),
        "{}",
        ran.failed().message
    );
}

/// Sends each message back, and closes with 4002 after `bye`.
async fn talk(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if message.to_text().is_ok_and(|text| text == "bye") {
            let frame = CloseFrame {
                code: 4002,
                reason: "bye".into(),
            };
            let _ = socket.send(Message::Close(Some(frame))).await;
            return;
        }
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_websocket_is_judged_by_what_comes_over_it() {
    let world = World::new();
    let router = Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .route(
            "/chat",
            any(|upgrade: WebSocketUpgrade| async { upgrade.protocols(["chat"]).on_upgrade(talk) }),
        )
        .route("/closed", any(|| async { (StatusCode::FORBIDDEN, "not here") }));
    serve(world.socket("echo", Port::Application), router).await;
    let steps = "
  - {websocket: /chat, direct: echo, send: [a, {json: {b: [1]}}, {binary: {hex: 00ff}}], receive: [a, {json: {b: [1]}}, {binary: {base64: AP8=}}]}
  - {websocket: /chat, direct: echo, subprotocols: [x, chat], send: [a, bye], receive: a, close: 4002, close-reason: bye, subprotocol: chat}
  - {websocket: /chat, direct: echo, send: [{ping: there}, {close: 3000}], receive: {pong: there}, that: close_code == 3000}
  - {websocket: /closed, direct: echo, status: 403, text: not here}
";
    let ran = world.run(vec![world.one("a/talks", steps)]).await;
    assert_eq!(ran.passed().requests, 4);
    for (step, message, expected, actual) in [
        (
            "/chat, direct: echo, send: [a, b], receive: [a, c]",
            "what came is not what had to come",
            "message 2: \"c\"",
            "\"b\"; seen: \"a\", \"b\"; not closed",
        ),
        (
            "/chat, direct: echo, send: [a, bye], receive: [], close: 4002",
            "more came than had to come",
            "0 messages",
            "also \"a\"; seen: \"a\"; closed with 4002: bye",
        ),
        (
            "/chat, direct: echo, send: bye, close: 1000",
            "the WebSocket did not end so",
            "closed with 1000",
            "nothing came; closed with 4002: bye",
        ),
        (
            "/chat, direct: echo, subprotocols: x, subprotocol: x",
            "another subprotocol was chosen",
            "subprotocol x",
            "subprotocol none",
        ),
        (
            "/chat, direct: echo, status: 403",
            "wrong status",
            "status 403",
            "nothing came; not closed",
        ),
    ] {
        let ran = world
            .run(vec![world.one("a/fails", &format!("  - {{websocket: {step}}}\n"))])
            .await;
        let failure = ran.failed();
        let told = (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str(),
        );
        assert_eq!(told, (message, expected, actual), "{step}");
    }
}

/// Sends back what comes, and then its end; a first line of `reset` is answered by a reset.
async fn echo_bytes(at: SocketAddr) {
    let listener = TcpListener::bind(at).await.expect("the address is the test's own");
    tokio::spawn(async move {
        while let Ok((mut stream, peer)) = listener.accept().await {
            tokio::spawn(async move {
                let mut some = [0; 1024];
                while let Ok(read @ 1..) = stream.read(&mut some).await {
                    match &some[..read] {
                        b"reset" => return drop(stream.set_zero_linger()),
                        b"who" => drop(stream.write_all(peer.ip().to_string().as_bytes()).await),
                        bytes => drop(stream.write_all(bytes).await),
                    }
                }
            });
        }
    });
}

#[tokio::test]
async fn bytes_and_their_end_are_judged() {
    let world = World::with_echo().await;
    let at = SocketAddr::new(world.socket("echo", Port::Application).ip(), 9000);
    echo_bytes(at).await;
    let steps = "
  - {tcp: 'echo:9000', send: hello, receive: hello}
  - {tcp: 'echo:9000', send: {hex: 00 ff}, half-close: true, receive: {base64: AP8=}, ends: closed}
  - {tcp: 'echo:9000', send: reset, receive: '', ends: reset}
  - {tcp: 'echo:9000', timeout: 300ms, receive: '', ends: open}
  - {tcp: 'echo:9000', send: who, source: 127.0.0.77, receive: 127.0.0.77}
  - {tcp: 'echo:9000', proxy-protocol: {version: 1, source: '192.0.2.7:1'}, receive: {contains: PROXY TCP4 192.0.2.7 }}
  - {tcp: 'echo:9001', error: refused}
  - {raw: \"GET / HTTP/1.1\\nhost: a\\n\\nGET / HTTP/1.1\\nhost: a\\n\\n\", direct: echo, statuses: [200, 200]}
";
    world.run(vec![world.one("a/bytes", steps)]).await.passed();
    for (step, message, expected, actual) in [
        (
            "tcp: 'echo:9000', send: hello, receive: {contains: x}, timeout: 300ms",
            "what came is not what had to come",
            "bytes with \"x\"",
            "5 bytes: \"hello\"; the connection is open, and nothing more within ",
        ),
        (
            "tcp: 'echo:9000', send: reset, ends: closed",
            "the connection did not end so",
            "the peer closes",
            "nothing; the peer reset the connection",
        ),
        (
            "raw: \"GET / HTTP/1.1\\nhost: a\\n\\n\", direct: echo, timeout: 300ms, status: 200, ends: closed",
            "the connection did not end so",
            "the peer closes",
            "the connection is open",
        ),
    ] {
        let ran = world
            .run(vec![world.one("a/fails", &format!("  - {{{step}}}\n"))])
            .await;
        let failure = ran.failed();
        assert_eq!(
            (failure.message.as_str(), failure.expected.as_str()),
            (message, expected),
            "{step}"
        );
        assert!(failure.actual.contains(actual), "{step}: {}", failure.actual);
    }
}

#[tokio::test]
async fn who_cannot_choose_an_address_skips_what_is_sent_from_one() {
    let mut world = World::with_echo().await;
    world.capabilities = Capabilities::all().without(Capability::SourceAddress, "its pods are elsewhere");
    let case = world.one("a/from", "  - {get: /, direct: echo, source: 127.0.0.9, status: 200}\n");
    let ran = world.run(vec![case]).await;
    let reason = "needs to send from a chosen address (scenarios/a/from.yaml:4), which this runtime cannot: its pods are elsewhere";
    assert_eq!(ran.only().skipped.as_deref(), Some(reason));
}
