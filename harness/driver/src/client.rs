//! One request and what came of it.

use std::{
    error::Error as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use meshkat_model::{
    observation::{Answer, NoAnswer, Response},
    scenario::step::TransportError,
};

/// Sends requests. Cheap to clone; connections are kept and used again.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

/// Where a request goes: a socket and the name by which it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where the connection goes.
    pub socket: SocketAddr,
    /// The `Host` header; the socket where none is given.
    pub host: Option<String>,
}

/// A request, checked: it can be sent as often as is wished.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<String>,
    timeout: Duration,
}

impl Request {
    /// Makes a request.
    ///
    /// # Errors
    /// A sentence about the method or header that HTTP does not allow.
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
        let mut map = HeaderMap::new();
        if let Some(host) = &route.host {
            let value = HeaderValue::from_str(host).map_err(|_| format!("`{host}` cannot be a Host header"))?;
            map.insert(http::header::HOST, value);
        }
        for (name, value) in headers {
            let name =
                HeaderName::try_from(name.as_str()).map_err(|_| format!("`{name}` is not the name of a header"))?;
            let value = HeaderValue::from_str(value).map_err(|_| format!("`{value}` cannot be a header's value"))?;
            map.append(name, value);
        }
        Ok(Self {
            method,
            url: format!("http://{}{path}", route.socket),
            headers: map,
            body: None,
            timeout,
        })
    }

    /// Says who sends it, if it does not say so already. The value is never shown.
    ///
    /// # Errors
    /// A sentence about a value that HTTP does not allow.
    pub fn authorization(mut self, value: &str) -> Result<Self, String> {
        let mut value =
            HeaderValue::from_str(value).map_err(|_| "an Authorization header cannot have this value".to_owned())?;
        value.set_sensitive(true);
        self.headers.entry(http::header::AUTHORIZATION).or_insert(value);
        Ok(self)
    }

    /// Adds a body: a text as it is, anything else as JSON.
    pub fn body(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(match body {
            serde_json::Value::String(text) => text.clone(),
            other => {
                self.headers
                    .entry(http::header::CONTENT_TYPE)
                    .or_insert(HeaderValue::from_static("application/json"));
                other.to_string()
            }
        });
        self
    }
}

impl Client {
    /// A client without a proxy, and that follows no redirect: what the mesh answers is what is seen.
    ///
    /// # Errors
    /// What the HTTP library cannot set up on this machine.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // An idle connection that Envoy closes in the same moment would look like a failed request.
            .pool_idle_timeout(Duration::from_secs(20))
            // A failed attempt is a result, never something to hide behind a second one.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { http })
    }

    /// Sends a request and waits for the whole answer, or for the timeout.
    pub async fn send(&self, request: &Request) -> Response {
        let start = Instant::now();
        let outcome = self
            .answer(request)
            .await
            .map_err(|error| no_answer(&error, request.timeout));
        Response {
            outcome,
            took: start.elapsed(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Answer, reqwest::Error> {
        let mut builder = self
            .http
            .request(request.method.clone(), &request.url)
            .headers(request.headers.clone())
            .timeout(request.timeout);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            ..Answer::default()
        };
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            answer
                .headers
                .entry(name.as_str().to_owned())
                .and_modify(|all| {
                    all.push_str(", ");
                    all.push_str(&value);
                })
                .or_insert_with(|| value.clone().into_owned());
        }
        answer.text = String::from_utf8_lossy(&response.bytes().await?).into_owned();
        Ok(answer)
    }
}

fn no_answer(error: &reqwest::Error, timeout: Duration) -> NoAnswer {
    let mut causes = Vec::new();
    let mut refused = false;
    let mut cause = error.source();
    while let Some(inner) = cause {
        refused |= inner
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
        causes.push(inner.to_string());
        cause = inner.source();
    }
    let last = causes.pop().unwrap_or_else(|| error.to_string());
    if error.is_timeout() {
        NoAnswer {
            kind: TransportError::Timeout,
            message: format!("nothing within {timeout:?}"),
        }
    } else if refused {
        NoAnswer {
            kind: TransportError::Refused,
            message: "the connection was refused".to_owned(),
        }
    } else {
        NoAnswer {
            kind: TransportError::Reset,
            message: format!("the connection broke: {last}"),
        }
    }
}
