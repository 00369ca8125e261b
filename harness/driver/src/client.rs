//! One request and what came of it.

use std::{
    error::Error as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use meshkat_model::{
    observation::{Answer, NoAnswer, Response},
    scenario::step::TransportError,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// No body is read beyond these bytes: an answer that is longer is given up and said to be so. Far more than an expectation can
/// be about, and little enough that an answer can be kept, read as JSON and asked by expressions.
pub const LONGEST_BODY: usize = 4 << 20;

/// The longest headers of an answer, names and values together. Envoy's own limit is 60 KiB.
pub const LONGEST_HEADERS: usize = 64 << 10;

/// The longest list of who took part in an answer, in bytes.
const LONGEST_SERVED_BY: usize = 1 << 10;

/// How much of the body of an error a load keeps, in bytes: more than is told of it.
const OF_AN_ERROR: usize = 4 << 10;

/// The headers that tell who took part in an answer.
const SERVED_BY: [&str; 2] = ["x-served-by", "x-upstream-served-by"];

/// Sends the requests of one case. Cheap to clone; connections are kept and used again.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// One for each request of a load that may be open at the same time.
    open: Arc<Semaphore>,
    /// How many requests of loads were due.
    counted: Arc<AtomicU64>,
}

/// Whether a request of a load may be sent.
#[derive(Debug)]
pub(crate) enum Permit {
    /// It may; the permit is held for as long as it is open.
    Send(OwnedSemaphorePermit),
    /// Too many are open.
    TooMany,
}

/// What of an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All of it.
    Whole,
    /// What a load keeps: the status, who took part, and the begin of an error.
    ForLoad,
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
    /// How many requests the loads of a case may have open at the same time. Each takes a connection, a file and some tens of
    /// kilobytes.
    pub const MOST_OPEN: usize = 4000;

    /// How many requests the loads of a case may send in all: half an hour at 5,000 a second. Each is remembered until the case
    /// ends.
    pub const MOST_KEPT: u64 = 10_000_000;

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
        Ok(Self {
            http,
            open: Arc::new(Semaphore::new(Self::MOST_OPEN)),
            counted: Arc::default(),
        })
    }

    /// Sends a request and waits for the whole answer, or for the timeout, which covers the body too. An answer that is longer
    /// than is bearable is given up: it is no answer of any kind that a scenario can expect.
    pub async fn send(&self, request: &Request) -> Response {
        self.sent(request, Wanted::Whole).await
    }

    /// The same, keeping no more than a load needs: thousands are open at the same time.
    pub(crate) async fn send_for_load(&self, request: &Request) -> Response {
        self.sent(request, Wanted::ForLoad).await
    }

    /// The same with other limits.
    #[cfg(test)]
    pub(crate) fn with_limits(mut self, open: usize, kept: u64) -> Self {
        self.open = Arc::new(Semaphore::new(open));
        self.counted = Arc::new(AtomicU64::new(Self::MOST_KEPT - kept));
        self
    }

    /// Counts a request of a load; none where the loads of the case may send no more.
    pub(crate) fn count(&self) -> Option<Permit> {
        if self.counted.fetch_add(1, Ordering::Relaxed) >= Self::MOST_KEPT {
            return None;
        }
        let permit = Arc::clone(&self.open).try_acquire_owned();
        Some(permit.map_or(Permit::TooMany, Permit::Send))
    }

    async fn sent(&self, request: &Request, wanted: Wanted) -> Response {
        let start = Instant::now();
        let outcome = self.answer(request, wanted).await.map_err(|problem| match problem {
            Problem::Lost(error) => no_answer(&error, request.timeout),
            Problem::TooLong(message) => NoAnswer { kind: None, message },
        });
        Response {
            outcome,
            took: start.elapsed(),
        }
    }

    async fn answer(&self, request: &Request, wanted: Wanted) -> Result<Answer, Problem> {
        let mut builder = self
            .http
            .request(request.method.clone(), &request.url)
            .headers(request.headers.clone())
            .timeout(request.timeout);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            ..Answer::default()
        };
        within(response.headers())?;
        for (name, value) in response.headers() {
            if wanted == Wanted::ForLoad && !SERVED_BY.contains(&name.as_str()) {
                continue;
            }
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
        let keep = match wanted {
            Wanted::Whole => LONGEST_BODY,
            Wanted::ForLoad if answer.status < 400 => 0,
            Wanted::ForLoad => OF_AN_ERROR,
        };
        let (mut text, mut length) = (Vec::new(), 0_usize);
        while let Some(chunk) = response.chunk().await? {
            length = length.saturating_add(chunk.len());
            if length > LONGEST_BODY {
                return Err(Problem::TooLong(format!(
                    "the answer, a {}, was given up: its body is longer than {} MiB",
                    answer.status,
                    LONGEST_BODY >> 20
                )));
            }
            let rest = keep.saturating_sub(text.len()).min(chunk.len());
            text.extend_from_slice(&chunk[..rest]);
        }
        answer.text = String::from_utf8_lossy(&text).into_owned();
        Ok(answer)
    }
}

/// Why there is no answer to tell of.
enum Problem {
    /// None came.
    Lost(reqwest::Error),
    /// One came that is longer than is bearable.
    TooLong(String),
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Self {
        Self::Lost(error)
    }
}

/// That an answer's headers are bearable.
fn within(headers: &HeaderMap) -> Result<(), Problem> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > LONGEST_HEADERS {
        return Err(Problem::TooLong(format!(
            "the answer was given up: its headers are longer than {} KiB",
            LONGEST_HEADERS >> 10
        )));
    }
    for name in SERVED_BY {
        let bytes: usize = headers.get_all(name).iter().map(HeaderValue::len).sum();
        if bytes > LONGEST_SERVED_BY {
            return Err(Problem::TooLong(format!(
                "the answer was given up: its header {name} is longer than {LONGEST_SERVED_BY} bytes"
            )));
        }
    }
    Ok(())
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
            kind: Some(TransportError::Timeout),
            message: format!("nothing within {timeout:?}"),
        }
    } else if refused {
        NoAnswer {
            kind: Some(TransportError::Refused),
            message: "the connection was refused".to_owned(),
        }
    } else {
        NoAnswer {
            kind: Some(TransportError::Reset),
            message: format!("the connection broke: {last}"),
        }
    }
}
