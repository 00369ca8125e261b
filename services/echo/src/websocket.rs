//! WebSockets: each message is sent back.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts as _, Query, Request};
use axum::response::Response;
use http::{Method, StatusCode, header};
use meshkat_kit::{Connection, Noted, Problem};
use serde::Deserialize;
use tokio::sync::Semaphore;

/// The longest message, in bytes.
const MESSAGE: usize = 1 << 20;

/// How many there are at once: each may hold a message that came and one that goes.
static ROOM: Semaphore = Semaphore::const_new(256);

/// How long the other end may take to say that it closes, too.
const CLOSING: Duration = Duration::from_secs(10);

/// What the query asks for.
#[derive(Debug, Clone, Deserialize)]
struct Asked {
    /// The code to close with.
    close: Option<u16>,
    #[serde(default)]
    reason: String,
    /// After how many messages.
    #[serde(default)]
    after: u64,
}

/// Whether a request begins a WebSocket, over HTTP/1.1 or HTTP/2.
pub(crate) fn is_asked_for(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || request.method() == Method::CONNECT
}

/// Begins a WebSocket.
pub(crate) async fn answer(connection: Connection, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let Query(asked) =
        Query::<Asked>::try_from_uri(&parts.uri).map_err(|error| Problem::bad_request(error.body_text()))?;
    if let Some(code) = asked.close.filter(|code| !can_be_sent(*code)) {
        return Err(Problem::bad_request(format!(
            "close is a code that can be sent (1000 to 1003, 1007 to 1014, 3000 to 4999), not {code}"
        )));
    }
    if asked.reason.len() > 123 {
        return Err(Problem::bad_request("reason has at most 123 bytes"));
    }
    let noted = parts.extensions.get::<Noted>().cloned();
    let mut upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|refused| Problem::new(refused.status()).detail(refused.body_text()))?;
    let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail("there are very many WebSockets already");
    let room = ROOM.try_acquire().map_err(|_| full())?;
    let held = connection.hold().ok_or_else(full)?;
    let first = upgrade.requested_protocols().next().cloned();
    if let Some(first) = first {
        upgrade.set_selected_protocol(first);
    }
    let upgrade = upgrade
        .max_message_size(MESSAGE)
        .max_frame_size(MESSAGE)
        .max_write_buffer_size(2 * MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _room = room;
        held.during(talk(socket, asked, noted, &connection)).await;
    }))
}

/// Codes that are for the wire, and not for what went wrong with it.
fn can_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

async fn talk(mut socket: WebSocket, asked: Asked, noted: Option<Noted>, connection: &Connection) {
    let mut seen = 0;
    loop {
        if let Some(code) = asked.close.filter(|_| seen >= asked.after) {
            return close(socket, code, &asked.reason).await;
        }
        let message = tokio::select! {
            message = socket.recv() => message,
            () = connection.stopping() => return close(socket, close_code::AWAY, "the service stops").await,
        };
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                seen += 1;
                if let Some(noted) = &noted {
                    noted.add(&message.clone().into_data());
                }
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            // Pings and a close are answered where messages are read.
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        let closes = async { while let Some(Ok(_)) = socket.recv().await {} };
        // Whoever does not answer is left.
        let _ = tokio::time::timeout(CLOSING, closes).await;
    }
}
