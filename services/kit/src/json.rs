//! JSON request bodies, with errors that tell the field and the place.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::budget::{Budget, Kept, Share};
use crate::problem::Problem;

/// The longest request body that a service reads, in bytes: 1 MiB.
pub const BODY_LIMIT: usize = 1 << 20;

/// How much of a body that is too long is still read and thrown away, in bytes.
///
/// A client that is still sending when the connection closes loses the answer to a reset; so let it finish first, unless
/// it sends without measure.
const DISCARD_LIMIT: usize = 16 * BODY_LIMIT;

/// JSON that does not parse or does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// What is wrong, beginning with the field if one is known, ending with the line and column.
    pub message: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1; 0 at the very start.
    pub column: usize,
}

/// Reads one JSON object, with nothing but white space after it.
///
/// # Errors
/// [`JsonError`], with the path of the field that does not fit.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    refuse_array(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        // A path of "." is the document itself, and says nothing.
        if path == "." {
            json_error(&inner)
        } else {
            JsonError {
                message: format!("{path}: {inner}"),
                ..json_error(&inner)
            }
        }
    })?;
    deserializer.end().map_err(|error| json_error(&error))?;
    Ok(value)
}

/// serde takes an array of a struct's fields in their order for the struct: a body of `[[]]` would empty a service.
fn refuse_array(bytes: &[u8]) -> Result<(), JsonError> {
    let Some(start) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(());
    };
    if bytes[start] != b'[' {
        return Ok(());
    }
    let before = &bytes[..start];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    let message = format!("an object is asked for, not an array, at line {line} column {column}");
    Err(JsonError { message, line, column })
}

fn json_error(error: &serde_json::Error) -> JsonError {
    JsonError {
        message: error.to_string(),
        line: error.line(),
        column: error.column(),
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Problem::bad_request(error.message)
            .with("line", error.line)
            .with("column", error.column)
    }
}

/// How long a body may take, from the head of its request to its end.
const BODY_TIME: Duration = Duration::from_secs(30);

/// How many bytes of bodies that have not ended are kept, of all together: the longest that any may be, and a little more.
static UNFINISHED: Budget = Budget::new(17 << 20);

/// Reads a whole body. Its time is limited, and so is what all that have not ended hold together: when there is no room, the
/// one that began first is given up.
///
/// # Errors
/// A 413 if it is longer than `limit` bytes, a 400 if it breaks off, a 408 if it takes too long, and a 503 if it was given up.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    read_body_of(body, limit, BODY_TIME, &UNFINISHED).await
}

async fn read_body_of(body: Body, limit: usize, time: Duration, budget: &'static Budget) -> Result<Bytes, Problem> {
    let kept = Kept::default();
    let share = budget.join_with(&kept);
    tokio::select! {
        // What was given up is not to be taken for what came.
        biased;
        () = share.lost() => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("the body was given up: too many others were being sent at the same time; send it again")),
        read = collect(body, limit, &share, &kept) => read,
        () = tokio::time::sleep(time) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT)
            .detail(format!("a body has to be whole within {} s", time.as_secs()))),
    }
}

async fn collect(body: Body, limit: usize, share: &Share, kept: &Kept) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut read = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        read = read.saturating_add(chunk.len());
        if read <= limit {
            let length = {
                let mut kept = kept.bytes();
                kept.extend_from_slice(&chunk);
                kept.len()
            };
            // What is reserved beyond it is no memory until it is written to.
            share.hold(length);
            if share.is_lost() {
                // The rest is of no use.
                return std::future::pending().await;
            }
        } else {
            *kept.bytes() = BytesMut::new();
            share.hold(0);
            if read > DISCARD_LIMIT {
                break;
            }
        }
    }
    if read > limit {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .detail(format!("a body has at most {limit} bytes"))
            .with("limit", limit));
    }
    let whole = std::mem::take(&mut *kept.bytes()).freeze();
    if share.is_lost() {
        // It is cancelled before what was kept is emptied.
        return std::future::pending().await;
    }
    Ok(whole)
}

/// A request body of at most [`BODY_LIMIT`] bytes: one JSON object, whatever its content type says.
///
/// Rejects with a 413, or with a 400 that has the members `line` and `column`.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read_body(request.into_body(), BODY_LIMIT).await?;
        Ok(Self(from_json(&bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its errors are looked at")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its errors are looked at")]
        port: u16,
    }

    fn error(text: &str) -> JsonError {
        from_json::<Outer>(text.as_bytes()).unwrap_err()
    }

    fn status(answer: Result<Bytes, Problem>) -> StatusCode {
        axum::response::IntoResponse::into_response(answer.unwrap_err()).status()
    }

    /// Which comes, and then goes on for ever.
    fn unfinished(bytes: usize) -> Body {
        let begun = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(vec![b' '; bytes]) });
        Body::from_stream(futures::StreamExt::chain(begun, futures::stream::pending()))
    }

    #[tokio::test]
    async fn a_body_that_is_not_whole_in_time_is_given_up() {
        let answer = read_body_of(unfinished(3), 10, Duration::from_millis(10), &UNFINISHED).await;
        assert_eq!(status(answer), StatusCode::REQUEST_TIMEOUT);
        let answer = read_body(Body::from("whole"), 10).await;
        assert_eq!(answer.unwrap(), "whole");
    }

    #[tokio::test]
    async fn where_bodies_take_all_that_there_is_the_first_one_is_given_up() {
        static BUDGET: Budget = Budget::new(150);
        let first = tokio::spawn(read_body_of(unfinished(100), 100, BODY_TIME, &BUDGET));
        // It has come, and holds what it has.
        while BUDGET.held() < 100 {
            tokio::task::yield_now().await;
        }
        let second = read_body_of(Body::from(vec![b' '; 100]), 100, BODY_TIME, &BUDGET).await;
        assert_eq!(second.unwrap().len(), 100);
        assert_eq!(status(first.await.unwrap()), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(BUDGET.held(), 0);
    }

    #[test]
    fn errors_name_the_field_and_the_place() {
        let found = error("{\"inner\": [{\"port\": 1},\n {\"port\": 70000}]}");
        assert!(found.message.starts_with("inner[1].port: "), "{found}");
        assert_eq!((found.line, found.column), (2, 15), "{found}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let found = error(r#"{"inner": [{"prot": 1}]}"#);
        assert!(found.message.contains("unknown field `prot`"), "{found}");
    }

    #[test]
    fn text_after_the_document_is_an_error() {
        assert!(error(r#"{"inner": []} {}"#).message.contains("trailing characters"));
    }

    #[test]
    fn an_array_is_no_object() {
        let found = error("\n [[]]");
        assert_eq!((found.line, found.column), (2, 2), "{found}");
    }

    #[tokio::test]
    async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
        assert_eq!(read_body(Body::from("12345"), 5).await.unwrap(), "12345");
        assert_eq!(
            read_body(Body::from("123456"), 5).await.unwrap_err().status(),
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }
}
