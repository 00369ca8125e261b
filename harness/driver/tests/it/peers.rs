//! gRPC and WebSockets against servers of other make, in Python: grpcio with its reflection, and websockets.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, Stdio},
    time::Duration,
};

use indexmap::IndexMap;
use meshkat_driver::{Client, GrpcRequest, Request, Route, Talk, Wanted};
use meshkat_kit::testing::python::{packages, script};
use meshkat_model::{
    grpc::Schema,
    observation::{Call, Close, Frame, HttpVersion},
    scenario::value::Protocol,
};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

/// As `pip` knows them.
const PACKAGES: [&str; 3] = ["grpcio==1.85.3", "grpcio-reflection==1.85.1", "websockets==17.4"];

/// A folder that has them already, or `without`.
const VARIABLE: &str = "MESHKAT_PYTHON_PEERS";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers.py");

/// What describes the service that it serves.
const DESCRIPTOR: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../scenarios/invalid/scenarios/echo.binpb"
);

const SERVICE: &str = "meshkat.echo.v1.Echo";

/// A server, until it is dropped.
struct Peer {
    child: Child,
    _input: ChildStdin,
    address: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Peer {
    /// None where somebody wants to do without.
    fn start(what: &str) -> Option<Self> {
        let packages: PathBuf = packages(env!("CARGO_TARGET_TMPDIR"), &PACKAGES, VARIABLE)?;
        let mut child = script(&packages, SCRIPT)
            .args([what, DESCRIPTOR])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is Python");
        let input = child.stdin.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("it says something");
        let port: u16 = line.trim().parse().expect("it says its port");
        Some(Self {
            child,
            _input: input,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }

    fn request(&self, method: &str, path: &str, protocol: Protocol) -> Request {
        let route = Route {
            socket: self.address,
            host: Some("foo.com".to_owned()),
        };
        Request::new(method, &route, path, &IndexMap::<String, String>::new(), LONG)
            .and_then(|request| request.over(Some(protocol), None))
            .expect("it can be sent")
    }
}

/// Calls a method with messages, as reflection describes it.
async fn call(client: &Client, peer: &Peer, schema: &Schema, method: &str, messages: &[Value]) -> Call {
    let path = format!("/{SERVICE}/{method}");
    let described = schema.method(SERVICE, method).expect("it is there");
    let encoded: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| described.encode(message).expect("it fits"))
        .collect();
    let deadline = (messages == [json!({"message": "slow"})]).then_some(Duration::from_millis(300));
    let request = peer.request("POST", &path, Protocol::H2);
    let call = GrpcRequest::new(request, &path, described, &encoded, deadline).expect("it can be sent");
    client.grpc(&call).await
}

/// The status, its message, and of each reply the text and the number.
fn told(call: &Call) -> (String, String, Vec<(Value, Value)>) {
    let ended = call.ended.as_ref().unwrap_or_else(|| panic!("{}", call.summary()));
    let replies = call.replies.iter();
    let replies = replies.map(|reply| (reply["message"].clone(), reply["number"].clone()));
    (ended.code.to_string(), ended.message.clone(), replies.collect())
}

#[tokio::test]
async fn grpcio_is_called_as_its_reflection_describes() {
    let Some(peer) = Peer::start("grpc") else { return };
    let client = Client::new();
    let asked = peer.request("POST", "/", Protocol::H2);
    let schema = client.describe(&asked, SERVICE).await.expect("it is described");
    let unknown = client
        .describe(&asked, "no.such.Service")
        .await
        .expect_err("there is none");
    assert!(unknown.to_string().starts_with("the server says: "), "{unknown}");
    let call = async |method: &str, messages: &[Value]| call(&client, &peer, &schema, method, messages).await;
    let reply = |text: &str, number: u64| (json!(text), json!(number));
    let ok = |replies: Vec<(Value, Value)>| ("OK".to_owned(), String::new(), replies);

    let unary = call("Unary", &[json!({"message": "hello", "payload": "AP8="})]).await;
    assert_eq!(told(&unary), ok(vec![reply("hello", 1)]));
    assert_eq!(unary.replies[0]["payload"], "AP8=");
    let answer = unary.response.outcome.as_ref().expect("there is an answer");
    assert_eq!(answer.exchange.version, HttpVersion::Http2);
    assert!(answer.exchange.is_new, "reflection has connections of its own");

    let stream = call("ServerStream", &[json!({"message": "x", "count": 3})]).await;
    assert_eq!(told(&stream), ok((1..=3).map(|number| reply("x", number)).collect()));
    let answer = stream.response.outcome.as_ref().expect("there is an answer");
    assert_eq!(
        (answer.trailers["x-count"].as_str(), answer.exchange.is_new),
        ("3", false)
    );

    let messages = [json!({"message": "a"}), json!({"message": "b"})];
    let client_stream = call("ClientStream", &messages).await;
    assert_eq!(told(&client_stream), ok(vec![reply("ab", 1)]));
    assert_eq!(client_stream.replies[0]["received"], 2);
    let bidi = call("BidiStream", &messages).await;
    assert_eq!(told(&bidi), ok(vec![reply("a", 1), reply("b", 2)]));
    assert_eq!(told(&call("BidiStream", &[]).await), ok(Vec::new()));

    let refused = call("Unary", &[json!({"message": "no"})]).await;
    let wanted = (
        "FAILED_PRECONDITION".to_owned(),
        "no, and again no: é".to_owned(),
        Vec::new(),
    );
    assert_eq!(told(&refused), wanted);
    let slow = call("Unary", &[json!({"message": "slow"})]).await;
    // What it says of a deadline is not always the same: it says so, or takes the stream back.
    match &slow.ended {
        Some(ended) => assert_eq!(ended.code.to_string(), "DEADLINE_EXCEEDED"),
        None => assert!(slow.summary().contains("RST_STREAM CANCEL"), "{}", slow.summary()),
    }
}

#[tokio::test]
async fn pythons_websockets_talk_and_end() {
    let Some(peer) = Peer::start("websocket") else { return };
    let client = Client::new();
    let request = |path: &str| peer.request("GET", path, Protocol::Http1);
    let talk = |send: &[Frame], until_close: bool| Talk {
        subprotocols: vec!["other".to_owned(), "chat".to_owned()],
        send: send.to_vec(),
        wanted: Wanted {
            messages: if until_close { 0 } else { send.len() },
            ..Wanted::default()
        },
        until_close,
        ..Talk::default()
    };
    let text = |text: &str| Frame::Text(text.to_owned());

    let frames = [text("hello"), Frame::Binary(vec![0, 255])];
    let seen = client.websocket(&request("/"), &talk(&frames, false)).await;
    assert!(seen.is_open(), "{}", seen.summary());
    assert_eq!(
        (&seen.received[..], seen.close, seen.is_late),
        (&frames[..], None, false)
    );
    let answer = seen.response.outcome.expect("there is an answer");
    assert_eq!(answer.headers["sec-websocket-protocol"], "chat");

    let bye = client
        .websocket(&request("/"), &talk(&[text("hello"), text("bye")], true))
        .await;
    let close = |code: u16, reason: &str| {
        let reason = reason.to_owned();
        Some(Close { code, reason })
    };
    assert_eq!(
        (bye.received, bye.close),
        (vec![text("hello")], close(4000, "as you say"))
    );

    let own = Talk {
        close: Some((3001, "done".to_owned())),
        ..talk(&[], true)
    };
    let closed = client.websocket(&request("/"), &own).await;
    assert_eq!(closed.close, close(3001, "done"), "it says the same");

    let broken = client.websocket(&request("/"), &talk(&[text("break")], true)).await;
    assert_eq!(
        broken.close.as_ref().map(|close| close.code),
        Some(1006),
        "{}",
        broken.summary()
    );

    let refused = client
        .websocket(&request("/closed"), &talk(&[text("hello")], false))
        .await;
    assert!(!refused.is_open() && refused.received.is_empty());
    let answer = refused.response.outcome.expect("there is an answer");
    assert_eq!((answer.status, answer.text.as_str()), (403, "not here\n"));
}
