//! WebSockets over HTTP/1.1.

use std::time::Instant;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use meshkat_model::observation::{Answer, Close, Conversation, Frame, NoAnswer, Response};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    Client, Request,
    client::{LONGEST_BODY, Problem},
    dial::dial,
    lost::{Lost, too_late},
    stream::Stream,
    wire::Wire,
};

/// How long the other side may take to close, where nobody waits for what it says.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(1);

/// What is sent over a WebSocket, and what is waited for.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// The subprotocols that are offered, the best first.
    pub subprotocols: Vec<String>,
    /// What is sent, in this order.
    pub send: Vec<Frame>,
    /// The code and the reason with which this side closes behind them; none if it does not.
    pub close: Option<(u16, String)>,
    /// How many messages, pings and pongs are waited for.
    pub wanted: Wanted,
    /// Whether the other side is waited for to close.
    pub until_close: bool,
}

/// How much is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Messages of text or bytes.
    pub messages: usize,
    /// Pings.
    pub pings: usize,
    /// Pongs.
    pub pongs: usize,
}

impl Wanted {
    fn is_met(self, received: &[Frame]) -> bool {
        let number = |is: fn(&Frame) -> bool| received.iter().filter(|frame| is(frame)).count();
        number(|frame| matches!(frame, Frame::Text(_) | Frame::Binary(_))) >= self.messages
            && number(|frame| matches!(frame, Frame::Ping(_))) >= self.pings
            && number(|frame| matches!(frame, Frame::Pong(_))) >= self.pongs
    }
}

/// What came so far.
#[derive(Default)]
struct Partial {
    answer: Option<Answer>,
    received: Vec<Frame>,
    close: Option<Close>,
}

impl Client {
    /// Asks for a WebSocket over a connection of its own, sends, and waits for what is waited for, or for the timeout of the request.
    pub async fn websocket(&self, request: &Request, talk: &Talk) -> Conversation {
        let start = Instant::now();
        let tally = self.tally();
        let open = tally.open(request.to());
        let mut partial = Partial::default();
        let ended = tokio::time::timeout(request.timeout, converse(request, talk, &mut partial)).await;
        let is_late = ended.is_err();
        let none: Option<NoAnswer> = match ended {
            Ok(Ok(())) => None,
            Ok(Err(problem)) => {
                if problem.is_unsent() {
                    open.is_unsent();
                }
                Some(problem.no_answer(request.timeout))
            }
            Err(_) => partial.answer.is_none().then(|| too_late(request.timeout)),
        };
        Conversation {
            is_late: is_late && partial.answer.is_some(),
            response: Response {
                outcome: match (none, partial.answer) {
                    (Some(none), _) => Err(none),
                    (None, answer) => Ok(answer.unwrap_or_default()),
                },
                took: start.elapsed(),
            },
            received: partial.received,
            close: partial.close,
        }
    }
}

async fn converse(request: &Request, talk: &Talk, partial: &mut Partial) -> Result<(), Problem> {
    let begun = Instant::now();
    let key = generate_key();
    let protocols = talk.subprotocols.join(", ");
    let mut headers = vec![
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key.as_str()),
    ];
    headers.extend((!protocols.is_empty()).then_some(("sec-websocket-protocol", protocols.as_str())));
    let asked = request.clone().with(&headers);
    let mut wire = Wire::new(dial(request.peer()).await?, request.peer());
    wire.write(&asked.head()).await;
    let Some(mut answer) = wire.answer(false).await? else {
        return Err(Lost::Closed.into());
    };
    answer.exchange.first_byte = begun.elapsed();
    if answer.status != 101 {
        partial.answer = Some(answer);
        return Ok(());
    }
    let accepted = answer.headers.get("sec-websocket-accept");
    // Where a scenario says a key of its own, nobody knows what it was to become.
    if asked.said("sec-websocket-key") == [key.as_str()]
        && accepted.is_none_or(|accepted| *accepted != derive_accept_key(key.as_bytes()))
    {
        let message = "what came is no WebSocket: sec-websocket-accept is not of this request";
        return Err(Lost::Garbled(message.to_owned()).into());
    }
    partial.answer = Some(answer);
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_BODY))
        .max_frame_size(Some(LONGEST_BODY));
    let read = wire.buffer.to_vec();
    let mut socket = WebSocketStream::from_partially_read(wire.stream, read, Role::Client, Some(config)).await;
    for frame in &talk.send {
        if let Err(error) = socket.send(message(frame)).await {
            // What the other side said before it went is read below.
            partial.close = Some(broke(&error));
            break;
        }
    }
    if let (Some((code, reason)), None) = (&talk.close, &partial.close) {
        let frame = CloseFrame {
            code: CloseCode::from(*code),
            reason: reason.as_str().into(),
        };
        // As above.
        let _ = socket.send(Message::Close(Some(frame))).await;
    }
    receive(&mut socket, talk, partial).await;
    if partial.close.is_none() {
        leave(&mut socket).await;
    }
    Ok(())
}

/// Reads until what is waited for has come, or the other side has gone.
async fn receive(socket: &mut WebSocketStream<Stream>, talk: &Talk, partial: &mut Partial) {
    while talk.until_close || !talk.wanted.is_met(&partial.received) {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => partial.received.push(Frame::Text(text.to_string())),
            Some(Ok(Message::Binary(bytes))) => partial.received.push(Frame::Binary(bytes.to_vec())),
            Some(Ok(Message::Ping(bytes))) => partial.received.push(Frame::Ping(bytes.to_vec())),
            Some(Ok(Message::Pong(bytes))) => partial.received.push(Frame::Pong(bytes.to_vec())),
            Some(Ok(Message::Close(frame))) => {
                partial.close = Some(match frame {
                    Some(frame) => Close {
                        code: frame.code.into(),
                        reason: frame.reason.to_string(),
                    },
                    None => Close {
                        code: 1005,
                        reason: String::new(),
                    },
                });
                // The answer to it goes out; whether it arrives, the other side does not say.
                let _ = socket.flush().await;
                return;
            }
            Some(Ok(Message::Frame(_))) => {}
            Some(Err(error)) => {
                partial.close = Some(broke(&error));
                return;
            }
            None => {
                partial
                    .close
                    .get_or_insert_with(|| without_a_frame("the connection was closed"));
                return;
            }
        }
    }
}

/// How an error ends a WebSocket.
fn broke(error: &tungstenite::Error) -> Close {
    let what = match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            "the connection was closed".to_owned()
        }
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection was closed without a close frame".to_owned()
        }
        tungstenite::Error::Io(error) => format!("the connection broke: {error}"),
        other => format!("what came is no WebSocket: {other}"),
    };
    without_a_frame(&what)
}

/// No close frame came: 1006.
fn without_a_frame(what: &str) -> Close {
    Close {
        code: 1006,
        reason: what.to_owned(),
    }
}

/// Closes in good manner; nobody waits for what the other side says to it.
async fn leave(socket: &mut WebSocketStream<Stream>) {
    let bye = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    if socket.send(Message::Close(Some(bye))).await.is_ok() {
        let closes = async {
            while let Some(Ok(message)) = socket.next().await
                && !message.is_close()
            {}
        };
        let _ = tokio::time::timeout(CLOSING, closes).await;
    }
}

fn message(frame: &Frame) -> Message {
    let bytes = |bytes: &Vec<u8>| Bytes::copy_from_slice(bytes);
    match frame {
        Frame::Text(text) => Message::text(text.as_str()),
        Frame::Binary(own) => Message::Binary(bytes(own)),
        Frame::Ping(own) => Message::Ping(bytes(own)),
        Frame::Pong(own) => Message::Pong(bytes(own)),
    }
}
