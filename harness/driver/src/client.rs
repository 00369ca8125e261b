//! One request and what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use indexmap::IndexMap;
use meshkat_model::observation::{Answer, Exchange, HttpVersion, NoAnswer, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Request,
    lost::{Lost, too_late},
    pool::Pool,
    tally::Tally,
};

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

/// Sends the requests of one case. Cheap to clone; connections are kept and used again. A failed attempt is a result, and never
/// something to hide behind a second one; no redirect is followed and no proxy asked: what the mesh answers is what is seen.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool,
    /// One for each request of a load that may be open at the same time.
    open: Arc<Semaphore>,
    /// How many requests of loads were due.
    counted: Arc<AtomicU64>,
    tally: Tally,
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

impl Client {
    /// How many requests the loads of a case may have open at the same time. Each takes a connection, a file and some tens of
    /// kilobytes.
    pub const MOST_OPEN: usize = 4000;

    /// How many requests the loads of a case may send in all: half an hour at 5,000 a second. Each is remembered until the case
    /// ends.
    pub const MOST_KEPT: u64 = 10_000_000;

    /// A client that has no connections yet.
    pub fn new() -> Self {
        Self {
            pool: Pool::shared(),
            open: Arc::new(Semaphore::new(Self::MOST_OPEN)),
            counted: Arc::default(),
            tally: Tally::default(),
        }
    }

    /// The connections over which a request goes.
    pub(crate) fn pool<'a>(&'a self, request: &'a Request) -> &'a Pool {
        request.pool.as_ref().unwrap_or(&self.pool)
    }

    /// What it sends, counted. It goes on counting when the client is gone, and keeps no connection.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
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
        let pool = self.pool(request);
        let open = self.tally.open(request.to());
        let answer = pool.send(request.message(), async |response, exchange| {
            read(response, exchange, wanted).await
        });
        let outcome = match tokio::time::timeout(request.timeout, answer).await {
            Ok(Ok(answer)) => {
                open.is_answered();
                Ok(answer)
            }
            Ok(Err(problem)) => {
                if problem.is_unsent() {
                    open.is_unsent();
                }
                Err(problem.no_answer(request.timeout))
            }
            Err(_) => Err(too_late(request.timeout)),
        };
        Response {
            outcome,
            took: start.elapsed(),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads an answer to its end.
async fn read(response: http::Response<Incoming>, exchange: Exchange, wanted: Wanted) -> Result<Answer, Problem> {
    let (parts, mut body) = response.into_parts();
    let mut answer = Answer {
        status: parts.status.as_u16(),
        exchange,
        ..Answer::default()
    };
    within(&parts.headers)?;
    if wanted == Wanted::Whole {
        let cookies = parts.headers.get_all(http::header::SET_COOKIE);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        answer.set_cookies = cookies.iter().map(text).collect();
    }
    let is_wanted = |name: &HeaderName| wanted == Wanted::Whole || SERVED_BY.contains(&name.as_str());
    add(&mut answer.headers, &parts.headers, is_wanted);
    let keep = match wanted {
        Wanted::Whole => LONGEST_BODY,
        Wanted::ForLoad if answer.status < 400 => 0,
        Wanted::ForLoad => OF_AN_ERROR,
    };
    let (mut text, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Lost::broke)?;
        if let (Some(trailers), Wanted::Whole) = (frame.trailers_ref(), wanted) {
            within(trailers)?;
            add(&mut answer.trailers, trailers, |_| true);
        }
        let Some(chunk) = frame.data_ref() else { continue };
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
    // hyper takes RST_STREAM with NO_ERROR for an end; the answer's own end never came.
    if answer.exchange.version == HttpVersion::Http2 && !body.is_end_stream() {
        return Err(Lost::NoEnd.into());
    }
    answer.text = String::from_utf8_lossy(&text).into_owned();
    Ok(answer)
}

/// Adds headers, repeated ones joined by a comma.
pub(crate) fn add(all: &mut IndexMap<String, String>, headers: &HeaderMap, is_wanted: impl Fn(&HeaderName) -> bool) {
    for (name, value) in headers.iter().filter(|(name, _)| is_wanted(name)) {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
}

/// Why there is no answer to tell of.
#[derive(Debug)]
pub(crate) enum Problem {
    /// None came.
    Lost(Lost),
    /// One came that is longer than is bearable.
    TooLong(String),
}

impl Problem {
    /// The same, for who asked.
    pub(crate) fn no_answer(self, timeout: Duration) -> NoAnswer {
        match self {
            Self::Lost(lost) => lost.no_answer(timeout),
            Self::TooLong(message) => NoAnswer { kind: None, message },
        }
    }

    /// Whether surely nothing was sent.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::Lost(lost) if lost.is_unsent())
    }
}

impl From<Lost> for Problem {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

/// That an answer's headers are bearable.
pub(crate) fn within(headers: &HeaderMap) -> Result<(), Problem> {
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
