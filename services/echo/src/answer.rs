//! The description of a request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request};
use futures::StreamExt as _;
use http::{HeaderMap, header};
use meshkat_kit::{Connection, Identity, Problem};
use serde::Serialize;

/// How much of a request's body is echoed, in bytes.
const BODY_SHOWN: usize = 64 * 1024;

/// What reached the backend.
#[derive(Debug, Serialize)]
pub(crate) struct Echo {
    method: String,
    path: String,
    /// As it came, without the question mark; empty if there is none.
    query: String,
    /// Decoded; the values of a repeated name are joined by `, `.
    query_params: BTreeMap<String, String>,
    /// The `host` header, or HTTP/2's `:authority`; empty if there is neither.
    host: String,
    /// By lower-case name; the values of a repeated header are joined by `, `.
    headers: BTreeMap<String, String>,
    /// `HTTP/1.1` or `HTTP/2.0`.
    http_version: String,
    peer: Peer,
    instance: String,
    /// The first 64 KiB, as text; what is no UTF-8 shows as U+FFFD.
    body: String,
    /// The length of the whole body.
    body_bytes: u64,
    body_truncated: bool,
}

#[derive(Debug, Serialize)]
struct Peer {
    address: IpAddr,
    port: u16,
}

type Answer = Pin<Box<dyn Future<Output = Result<Json<Echo>, Problem>> + Send>>;

/// The handler that answers any request with its [`Echo`].
pub(crate) fn handler(identity: &Identity) -> impl Fn(Connection, Request) -> Answer + Clone + Send + Sync + 'static {
    let instance = identity.instance().to_owned();
    move |connection, request| {
        let instance = instance.clone();
        Box::pin(async move { echo(instance, &connection, request).await.map(Json) })
    }
}

async fn echo(instance: String, connection: &Connection, request: Request) -> Result<Echo, Problem> {
    let (parts, body) = request.into_parts();
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|error| Problem::bad_request(error.body_text()))?;
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let shown = read(body).await?;
    Ok(Echo {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        query_params: joined(pairs.0),
        host: parts
            .headers
            .get(header::HOST)
            .map(text)
            .or(authority)
            .unwrap_or_default(),
        headers: joined(names_and_values(&parts.headers)),
        http_version: format!("{:?}", parts.version),
        peer: Peer {
            address: connection.peer().ip(),
            port: connection.peer().port(),
        },
        instance,
        body: String::from_utf8_lossy(&shown.kept).into_owned(),
        body_bytes: shown.length,
        body_truncated: shown.length > shown.kept.len() as u64,
    })
}

fn names_and_values(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn joined(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        map.entry(name)
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert(value);
    }
    map
}

struct Shown {
    kept: Vec<u8>,
    length: u64,
}

/// Reads a body to its end and keeps its beginning.
async fn read(body: Body) -> Result<Shown, Problem> {
    let mut stream = body.into_data_stream();
    let mut shown = Shown {
        kept: Vec::new(),
        length: 0,
    };
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        let room = BODY_SHOWN - shown.kept.len();
        shown.kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        shown.length += chunk.len() as u64;
    }
    Ok(shown)
}
