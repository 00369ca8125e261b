//! What a fault is, as written in JSON and as checked.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::shape::{InvalidHeader, LONGEST_BODY, Shape, header};

/// The endpoints that are the kit's own. No fault ever applies to them.
const OWN_PATHS: [&str; 6] = ["/healthz", "/readyz", "/whoami", "/faults", "/received", "/metrics"];

/// The longest delay that can be asked for: an hour, in milliseconds.
const LONGEST_DELAY_MS: u64 = 60 * 60 * 1000;

/// The body of `PUT /faults`, before it is checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Answer with this status instead of the service's answer.
    pub status: Option<u16>,
    /// Wait this long first, such as `150ms` or `1s 500ms`.
    pub delay: Option<String>,
    /// The same as [`FaultSpec::delay`], in milliseconds.
    pub delay_ms: Option<u64>,
    /// Cut the connection without an answer.
    pub abort: Option<bool>,
    /// Further headers of the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Trailers of the answer.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
    /// Replace the body by one of so many bytes, at most 1 GiB.
    pub body_bytes: Option<u64>,
    /// Send the body with so many bytes a second.
    pub body_rate: Option<NonZeroU64>,
    /// Break the body off after so many bytes.
    pub abort_after: Option<u64>,
    /// The share of requests that fail, 0 to 1.
    pub probability: Option<f64>,
    /// Only requests whose path begins with one of these.
    pub paths: Option<Vec<String>>,
}

/// A fault that holds: what happens, how often, and where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "number")]
    status: Option<StatusCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    abort: bool,
    #[serde(flatten)]
    shape: Shape,
    probability: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
}

/// Why a fault is invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// It would change nothing.
    #[error(
        "a fault needs at least one of `status`, `delay`, `delay_ms`, `abort`, `headers`, `trailers`, `body_bytes`, `body_rate` and \
         `abort_after`"
    )]
    Nothing,
    /// No final HTTP status.
    #[error("`status` is 200 to 599, not {0}")]
    Status(u16),
    /// Not a length of time.
    #[error("`delay` is a time such as \"150ms\", not {0:?}")]
    Delay(String),
    /// Longer than an hour.
    #[error("a delay is at most an hour, not {0} ms")]
    LongDelay(u128),
    /// Two lengths of time.
    #[error("`delay` and `delay_ms` are two ways to say one thing: give one")]
    TwoDelays,
    /// An answer and none.
    #[error("`abort` leaves no answer that could have a `status`, headers or a body: give one")]
    AbortWithAnswer,
    /// No header that can be set.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// Longer than a GiB.
    #[error("`body_bytes` is at most {LONGEST_BODY}, not {0}")]
    LongBody(u64),
    /// Not a share.
    #[error("`probability` is 0 to 1, not {0}")]
    Probability(f64),
    /// Nothing could ever match.
    #[error("`paths` is empty: leave it out to mean all")]
    NoPaths,
    /// Not a path.
    #[error("a path begins with a slash, unlike {0:?}")]
    Path(String),
    /// A path that no fault applies to.
    #[error("no fault applies to {0}")]
    OwnPath(String),
}

impl TryFrom<FaultSpec> for Fault {
    type Error = FaultError;

    fn try_from(spec: FaultSpec) -> Result<Self, FaultError> {
        let status = spec.status.map(final_status).transpose()?;
        let delay_ms = delay_ms(spec.delay, spec.delay_ms)?;
        let abort = spec.abort.unwrap_or(false);
        let shape = Shape {
            headers: headers(&spec.headers)?,
            trailers: headers(&spec.trailers)?,
            body_bytes: spec.body_bytes,
            body_rate: spec.body_rate,
            abort_after: spec.abort_after,
        };
        if let Some(bytes) = spec.body_bytes.filter(|bytes| *bytes > LONGEST_BODY) {
            return Err(FaultError::LongBody(bytes));
        }
        if abort && (status.is_some() || !shape.is_nothing()) {
            return Err(FaultError::AbortWithAnswer);
        }
        if !abort && status.is_none() && delay_ms.is_none() && shape.is_nothing() {
            return Err(FaultError::Nothing);
        }
        let probability = spec.probability.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&probability) {
            return Err(FaultError::Probability(probability));
        }
        if let Some(paths) = &spec.paths {
            check_paths(paths)?;
        }
        Ok(Self {
            status,
            delay_ms,
            abort,
            shape,
            probability,
            paths: spec.paths,
        })
    }
}

impl Fault {
    /// How long to wait before anything else.
    pub fn delay(&self) -> Option<Duration> {
        self.delay_ms.map(Duration::from_millis)
    }

    /// Whether the connection is to be cut.
    pub fn abort(&self) -> bool {
        self.abort
    }

    /// The status to answer with instead of the service.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// What is done to the answer.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether the fault is meant for a request with this path, given a number drawn evenly from `0.0..1.0`.
    pub fn strikes(&self, path: &str, drawn: f64) -> bool {
        drawn < self.probability
            && self
                .paths
                .as_ref()
                .is_none_or(|paths| paths.iter().any(|prefix| path.starts_with(prefix)))
    }
}

fn headers(given: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidHeader> {
    given.iter().map(|(name, value)| header(name, value)).collect()
}

fn final_status(number: u16) -> Result<StatusCode, FaultError> {
    match StatusCode::from_u16(number) {
        Ok(status) if (200..=599).contains(&number) => Ok(status),
        _ => Err(FaultError::Status(number)),
    }
}

fn delay_ms(text: Option<String>, number: Option<u64>) -> Result<Option<u64>, FaultError> {
    let millis = match (text, number) {
        (Some(_), Some(_)) => return Err(FaultError::TwoDelays),
        (Some(text), None) => match humantime::parse_duration(&text) {
            Ok(delay) => delay.as_millis(),
            Err(_) => return Err(FaultError::Delay(text)),
        },
        (None, Some(number)) => u128::from(number),
        (None, None) => return Ok(None),
    };
    match u64::try_from(millis) {
        Ok(millis) if millis <= LONGEST_DELAY_MS => Ok(Some(millis)),
        _ => Err(FaultError::LongDelay(millis)),
    }
}

fn check_paths(paths: &[String]) -> Result<(), FaultError> {
    if paths.is_empty() {
        return Err(FaultError::NoPaths);
    }
    for path in paths {
        if !path.starts_with('/') {
            return Err(FaultError::Path(path.clone()));
        }
        if OWN_PATHS.contains(&path.as_str()) {
            return Err(FaultError::OwnPath(path.clone()));
        }
    }
    Ok(())
}

fn number<S: serde::Serializer>(status: &Option<StatusCode>, serializer: S) -> Result<S::Ok, S::Error> {
    status.map(|status| status.as_u16()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fault(spec: Value) -> Result<Fault, FaultError> {
        Fault::try_from(serde_json::from_value::<FaultSpec>(spec).map_err(|_| FaultError::Nothing)?)
    }

    #[test]
    fn a_fault_is_shown_as_it_was_checked() {
        let shown =
            fault(json!({"status": 503, "delay": "1s 500ms", "probability": 0.25, "paths": ["/pets"]})).unwrap();
        assert_eq!(
            json!(shown),
            json!({"status": 503, "delay_ms": 1500, "abort": false, "probability": 0.25, "paths": ["/pets"]})
        );
        let shown = fault(json!({"headers": {"X-A": "b"}, "trailers": {"t": "1"}, "abort_after": 0})).unwrap();
        assert_eq!(
            json!(shown),
            json!({"abort": false, "headers": {"x-a": "b"}, "trailers": {"t": "1"}, "abort_after": 0, "probability": 1.0})
        );
    }

    #[test]
    fn what_does_not_hold_is_refused() {
        for spec in [
            json!({}),
            json!({"abort": false}),
            json!({"status": 101}),
            json!({"status": 600}),
            json!({"delay": "soon"}),
            json!({"delay": "2h"}),
            json!({"delay": "1s", "delay_ms": 1000}),
            json!({"abort": true, "status": 500}),
            json!({"abort": true, "headers": {"x-a": "b"}}),
            json!({"headers": {"content-length": "3"}}),
            json!({"trailers": {"no name": "3"}}),
            json!({"body_bytes": LONGEST_BODY + 1}),
            json!({"body_rate": 0}),
            json!({"abort": true, "probability": 1.5}),
            json!({"abort": true, "probability": -0.1}),
            json!({"abort": true, "paths": []}),
            json!({"abort": true, "paths": ["pets"]}),
            json!({"abort": true, "paths": ["/healthz"]}),
        ] {
            assert!(fault(spec.clone()).is_err(), "{spec}");
        }
    }

    #[test]
    fn it_strikes_by_path_and_by_chance() {
        let some = fault(json!({"abort": true, "probability": 0.5, "paths": ["/pets", "/stores/1"]})).unwrap();
        assert!(some.strikes("/pets/3", 0.49) && some.strikes("/stores/1", 0.0));
        assert!(!some.strikes("/pets/3", 0.5) && !some.strikes("/stores/2", 0.0));
        assert!(fault(json!({"abort": true})).unwrap().strikes("/anything", 0.999_999));
        assert!(
            !fault(json!({"abort": true, "probability": 0}))
                .unwrap()
                .strikes("/anything", 0.0)
        );
    }
}
