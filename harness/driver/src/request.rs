//! A request, as the bytes that go over the wire.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;
use meshkat_model::scenario::{
    value::{Connections, Protocol},
    wire::{not_a_header_name, not_a_header_value, not_a_path, not_in_http2},
};

use crate::{
    jar::Jar,
    peer::Peer,
    pool::{Http1Message, Message, Pool},
    tls::Tls,
};

/// Where a request goes: a socket and the name by which it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where the connection goes.
    pub socket: SocketAddr,
    /// The `Host` header; the socket where none is given.
    pub host: Option<String>,
}

/// A request, checked: it can be sent as often as is wished. The path, and the names and values of headers, are sent byte by byte as
/// they are given, and in that order. What is added is the `host` before them, and behind them what says how long the body is, or
/// what it is, where they do not say it.
#[derive(Clone)]
pub struct Request {
    method: Method,
    peer: Peer,
    path: String,
    host: String,
    headers: Vec<(String, String)>,
    authorization: Option<String>,
    body: Bytes,
    has_body: bool,
    pub(crate) timeout: Duration,
    /// Its own connections, where it does not share those of all.
    pub(crate) pool: Option<Pool>,
    is_fresh: bool,
    /// Where and as whom it is asked for in HTTP/2, where it may be spoken.
    uri: Option<Uri>,
    /// Its head in HTTP/1.1, once it was sent: a load sends the same one many thousand times.
    head: OnceLock<Bytes>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the headers: one of them may be a secret.
        write!(f, "{} {} to {}", self.method, self.path, self.peer.to)
    }
}

impl Request {
    /// Makes a request.
    ///
    /// # Errors
    /// A sentence about what cannot be said in HTTP/1.1.
    pub fn new<'a>(
        method: &str,
        route: &Route,
        path: &str,
        headers: impl IntoIterator<Item = (&'a String, &'a String)>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let method = method
            .parse()
            .map_err(|_| format!("`{method}` is not an HTTP method"))?;
        if let Some(why) = not_a_path(path) {
            return Err(format!("`{path}` cannot be sent as a path: {why}"));
        }
        let host = route.host.clone().unwrap_or_else(|| route.socket.to_string());
        if let Some(why) = not_a_header_value(&host) {
            return Err(format!("`{host}` cannot be a Host header: {why}"));
        }
        let headers: Vec<(String, String)> = headers
            .into_iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in &headers {
            if not_a_header_name(name) {
                return Err(format!("`{name}` is not the name of a header"));
            }
            if let Some(why) = not_a_header_value(value) {
                return Err(format!("the header `{name}` cannot have this value: {why}"));
            }
        }
        Ok(Self {
            method,
            peer: Peer::plain(route.socket),
            path: path.to_owned(),
            host,
            headers,
            authorization: None,
            body: Bytes::new(),
            has_body: false,
            timeout,
            pool: None,
            is_fresh: false,
            uri: None,
            head: OnceLock::new(),
        })
    }

    /// What it is sent in: HTTP/1.1 in clear text by default. Without a protocol, it is the one that the peer chooses by ALPN, and
    /// HTTP/1.1 where it chooses none.
    ///
    /// # Errors
    /// A sentence about what cannot be said in HTTP/2, where it may be spoken.
    pub fn over(mut self, protocol: Option<Protocol>, tls: Option<Tls>) -> Result<Self, String> {
        let protocol = protocol.or(tls.is_none().then_some(Protocol::Http1));
        let peer = Peer {
            protocol,
            tls,
            ..self.peer.clone()
        };
        if peer.may_speak(Protocol::H2) {
            let scheme = if peer.tls.is_some() { "https" } else { "http" };
            let uri = Uri::builder()
                .scheme(scheme)
                .authority(self.host.as_str())
                .path_and_query(self.path.as_str())
                .build()
                .map_err(|error| format!("`{}` for `{}` cannot be sent in HTTP/2: {error}", self.path, self.host))?;
            if uri.path_and_query().is_none_or(|path| path.as_str() != self.path) {
                return Err(format!(
                    "`{}` cannot be sent in HTTP/2: nothing is sent from `#` on",
                    self.path
                ));
            }
            for (name, value) in &self.headers {
                if let Some(why) = not_in_http2(name, value) {
                    return Err(format!("the header `{name}` cannot be sent in HTTP/2: {why}"));
                }
            }
            self.uri = Some(uri);
        }
        self.peer = peer;
        Ok(self)
    }

    /// Who its connections are from: a chosen address, and what is sent before everything else, such as a header of the PROXY
    /// protocol. They are shared with those alone that are from there, too.
    pub fn sent_from(mut self, source: Option<IpAddr>, preface: Vec<u8>) -> Self {
        self.peer.source = source;
        self.peer.preface = preface.into();
        self
    }

    /// Says who sends it, if it does not say so already. The value is never shown.
    ///
    /// # Errors
    /// A sentence about a value that HTTP does not allow.
    pub fn authorization(mut self, value: &str) -> Result<Self, String> {
        if not_a_header_value(value).is_some() {
            return Err("an Authorization header cannot have this value".to_owned());
        }
        if !self.has("authorization") {
            self.authorization = Some(value.to_owned());
        }
        self.head = OnceLock::new();
        Ok(self)
    }

    /// Adds a body: a text as it is, anything else as JSON.
    pub fn body(mut self, body: &serde_json::Value) -> Self {
        self.body = match body {
            serde_json::Value::String(text) => text.clone().into(),
            other => {
                if !self.has("content-type") {
                    self.headers
                        .push(("content-type".to_owned(), "application/json".to_owned()));
                }
                other.to_string().into()
            }
        };
        self.has_body = true;
        self.head = OnceLock::new();
        self
    }

    /// The same with the cookies of a jar that are for where it goes, behind its other headers.
    ///
    /// # Errors
    /// It goes to a host that is no part of a URL.
    pub fn cookies(mut self, jar: &Jar) -> Result<Self, String> {
        if let Some(value) = jar.header(&self.url())? {
            self.headers.push(("cookie".to_owned(), value));
        }
        self.head = OnceLock::new();
        Ok(self)
    }

    /// Where it goes and what it asks for there, as a URL.
    pub fn url(&self) -> String {
        let scheme = if self.peer.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host, self.path)
    }

    /// The same request of another path, over the same connections.
    ///
    /// # Errors
    /// A sentence about what cannot be sent.
    pub fn with_path(&self, path: &str) -> Result<Self, String> {
        if let Some(why) = not_a_path(path) {
            return Err(format!("`{path}` cannot be sent as a path: {why}"));
        }
        let mut other = self.clone();
        path.clone_into(&mut other.path);
        other.head = OnceLock::new();
        if other.uri.is_some() {
            let (protocol, tls) = (other.peer.protocol, other.peer.tls.clone());
            other = other.over(protocol, tls)?;
        }
        Ok(other)
    }

    /// Over which connections it goes, each time that it is sent: those that all requests of the client share by default.
    pub fn connections(mut self, connections: Connections) -> Self {
        self.is_fresh = connections == Connections::Fresh;
        self.pool = match connections {
            Connections::Fresh => Some(Pool::shared()),
            Connections::Of(number) => Some(Pool::of(number as usize)),
        };
        self
    }

    /// The same with another path, and these bytes as its body, of a type that the headers say.
    ///
    /// # Errors
    /// A sentence about what cannot be said in HTTP/2.
    pub(crate) fn of(mut self, path: String, body: Bytes, headers: &[(&str, &str)]) -> Result<Self, String> {
        self.path = path;
        self.body = body;
        self.has_body = true;
        self = self.with(headers);
        let (protocol, tls) = (self.peer.protocol, self.peer.tls.clone());
        self.over(protocol, tls)
    }

    /// The same with these headers, but for those that it says itself.
    pub(crate) fn with(mut self, headers: &[(&str, &str)]) -> Self {
        for (name, value) in headers {
            if !self.has(name) {
                self.headers.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        self
    }

    /// What it says in a header.
    pub(crate) fn said(&self, name: &str) -> Vec<&str> {
        self.values(name).collect()
    }

    /// The same over connections of its own.
    pub(crate) fn apart(mut self) -> Self {
        self.is_fresh = false;
        self.pool = Some(Pool::shared());
        self
    }

    /// Where it goes, and how.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where it goes.
    pub(crate) fn to(&self) -> SocketAddr {
        self.peer.to
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let own = self
            .headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_str())
    }

    /// Whether the headers say themselves how the body is framed; if they are wrong, the connection is out of step afterwards.
    fn frames_itself(&self) -> bool {
        self.has("content-length") || self.has("transfer-encoding")
    }

    fn is_chunked(&self) -> bool {
        let last = self.values("transfer-encoding").last();
        last.is_some_and(|value| {
            value
                .rsplit(',')
                .next()
                .is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
        })
    }

    /// The request line and the headers, with the empty line behind them.
    pub(crate) fn head(&self) -> Bytes {
        self.head.get_or_init(|| self.written_head()).clone()
    }

    fn written_head(&self) -> Bytes {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.host);
        let mut add = |name: &str, value: &str| {
            head.extend([name, ": ", value, "\r\n"]);
        };
        self.headers.iter().for_each(|(name, value)| add(name, value));
        if let Some(value) = &self.authorization {
            add("authorization", value);
        }
        let wants_a_length = self.has_body || [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        if wants_a_length && !self.frames_itself() {
            add("content-length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        head.into()
    }

    /// What is sent behind the head.
    fn framed_body(&self) -> Bytes {
        if !(self.has_body && self.is_chunked()) {
            return self.body.clone();
        }
        let mut framed = Vec::with_capacity(self.body.len() + 32);
        if !self.body.is_empty() {
            framed.extend_from_slice(format!("{:x}\r\n", self.body.len()).as_bytes());
            framed.extend_from_slice(&self.body);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        framed.into()
    }

    /// What is sent over a connection.
    pub(crate) fn message(&self) -> Message {
        Message {
            peer: self.peer.clone(),
            http1: self.peer.may_speak(Protocol::Http1).then(|| self.http1()),
            http2: self.uri.as_ref().map(|uri| self.http2(uri)),
            is_fresh: self.is_fresh,
            timeout: self.timeout,
        }
    }

    fn http1(&self) -> Http1Message {
        let mut request = http::Request::new(Full::new(self.framed_body()));
        request.method_mut().clone_from(&self.method);
        // The library has to know whether the connection ends with the answer.
        for value in self
            .values("connection")
            .filter_map(|value| HeaderValue::from_str(value).ok())
        {
            request.headers_mut().append(http::header::CONNECTION, value);
        }
        Http1Message {
            head: self.head(),
            request,
            is_in_step: !self.frames_itself(),
        }
    }

    fn http2(&self, uri: &Uri) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(uri);
        *request.version_mut() = http::Version::HTTP_2;
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let authorization = self.authorization.iter().map(|value| ("authorization", value.as_str()));
        let headers: HeaderMap = own
            .chain(authorization)
            // Both were looked at when the request was made.
            .filter_map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
            })
            .collect();
        *request.headers_mut() = headers;
        request
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let route = Route {
            socket: "127.0.0.1:80".parse().unwrap(),
            host: None,
        };
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let headers = headers.iter().map(|(name, value)| (name, value));
        Request::new(method, &route, "/a/../b?x='#\\", headers, Duration::from_secs(1)).unwrap()
    }

    fn sent(request: &Request) -> String {
        let bytes = [request.head(), request.framed_body()].concat();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_length_of_a_body_is_said_once() {
        let head = "/a/../b?x='#\\ HTTP/1.1\r\nhost: 127.0.0.1:80\r\n";
        assert_eq!(sent(&request("GET", &[])), format!("GET {head}\r\n"));
        assert_eq!(
            sent(&request("POST", &[])),
            format!("POST {head}content-length: 0\r\n\r\n")
        );
        let text = request("PUT", &[("X-A", "1")]).body(&json!("hé"));
        assert_eq!(sent(&text), format!("PUT {head}X-A: 1\r\ncontent-length: 3\r\n\r\nhé"));
        let own = request("PUT", &[("Content-Length", "9")]).body(&json!("abc"));
        assert_eq!(sent(&own), format!("PUT {head}Content-Length: 9\r\n\r\nabc"));
        let chunked = request("PUT", &[("Transfer-Encoding", "Chunked")]).body(&json!("abc"));
        assert_eq!(
            sent(&chunked),
            format!("PUT {head}Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        );
        let typed = request("PUT", &[]).body(&json!([1]));
        assert_eq!(
            sent(&typed),
            format!("PUT {head}content-type: application/json\r\ncontent-length: 3\r\n\r\n[1]")
        );
    }

    #[test]
    fn what_changes_after_a_request_was_sent_is_sent_the_next_time() {
        let first = request("PUT", &[]);
        let begin = |request: &Request| sent(request).split("\r\n\r\n").next().unwrap().to_owned();
        assert!(!begin(&first).contains("content-type"));
        let typed = first.body(&json!([1]));
        assert!(begin(&typed).ends_with("\r\ncontent-length: 3"), "{}", begin(&typed));
        let other = typed.with_path("/b").unwrap();
        assert!(begin(&other).starts_with("PUT /b HTTP/1.1"), "{}", begin(&other));
        let told = other.authorization("Bearer x").unwrap();
        assert!(begin(&told).contains("\r\nauthorization: Bearer x\r\n"));
        let mut jar = Jar::default();
        jar.keep(&told.url(), &["a=1; Path=/".to_owned()]).unwrap();
        let with = told.clone().cookies(&jar).unwrap();
        assert!(begin(&with).contains("\r\ncookie: a=1\r\n"), "{}", begin(&with));
        assert!(!begin(&told).contains("cookie"), "and nothing else is");
    }

    #[test]
    fn what_a_request_may_do_is_never_shown() {
        let request = request("PUT", &[]).authorization("Bearer secret").unwrap();
        assert!(sent(&request).contains("\r\nauthorization: Bearer secret\r\n"));
        assert!(!format!("{request:?}").contains("secret"));
    }
}
