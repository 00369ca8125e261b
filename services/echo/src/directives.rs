//! The request headers that steer the answer.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use meshkat_kit::Problem;
use meshkat_kit::shape::{InvalidHeader, LONGEST_BODY, Shape};
use tonic::Code;

use crate::grpc::ending::{Ending, code};

const PREFIX: &str = "x-echo-";
const STATUS: &str = "x-echo-status";
const DELAY: &str = "x-echo-delay";
const HEADER: &str = "x-echo-header";
const TRAILER: &str = "x-echo-trailer";
const ABORT: &str = "x-echo-abort";
const ABORT_AFTER: &str = "x-echo-abort-after";
const BODY_BYTES: &str = "x-echo-body-bytes";
const BODY_RATE: &str = "x-echo-body-rate";
const GRPC_STATUS: &str = "x-echo-grpc-status";
const GRPC_MESSAGE: &str = "x-echo-grpc-message";
const GRPC_AFTER: &str = "x-echo-grpc-after";

/// All that there are.
const ALL: [&str; 11] = [
    STATUS,
    DELAY,
    HEADER,
    TRAILER,
    ABORT,
    ABORT_AFTER,
    BODY_BYTES,
    BODY_RATE,
    GRPC_STATUS,
    GRPC_MESSAGE,
    GRPC_AFTER,
];

/// The longest delay that can be asked for.
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// What a request asks of its answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Directives {
    pub(crate) status: Option<StatusCode>,
    pub(crate) delay: Option<Duration>,
    pub(crate) abort: bool,
    pub(crate) shape: Shape,
    /// How a gRPC call ends.
    pub(crate) ending: Option<Ending>,
}

impl TryFrom<&HeaderMap> for Directives {
    type Error = Problem;

    fn try_from(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut directives = Self::default();
        let (mut grpc_message, mut grpc_after) = (None, None);
        for name in headers.keys().filter(|name| name.as_str().starts_with(PREFIX)) {
            let shape = &mut directives.shape;
            match name.as_str() {
                STATUS => directives.status = Some(status(only(headers, name)?)?),
                DELAY => directives.delay = Some(delay(only(headers, name)?)?),
                ABORT => directives.abort = abort(only(headers, name)?)?,
                HEADER => shape.headers = lines(headers, name)?,
                TRAILER => shape.trailers = lines(headers, name)?,
                ABORT_AFTER => shape.abort_after = Some(number(headers, name, 0..=u64::MAX)?),
                BODY_BYTES => shape.body_bytes = Some(number(headers, name, 0..=LONGEST_BODY)?),
                BODY_RATE => shape.body_rate = NonZeroU64::new(number(headers, name, 1..=u64::MAX)?),
                GRPC_STATUS => {
                    let text = only(headers, name)?;
                    let code = code(text).ok_or_else(|| {
                        Problem::bad_request(format!(
                            "{GRPC_STATUS} is a status of gRPC such as UNAVAILABLE or 14, not {text:?}"
                        ))
                    })?;
                    directives.ending.get_or_insert(OK).code = code;
                }
                GRPC_MESSAGE => grpc_message = Some(only(headers, name)?.to_owned()),
                GRPC_AFTER => grpc_after = Some(number(headers, name, 0..=u64::from(u32::MAX))?),
                unknown => return Err(unknown_directive(unknown)),
            }
        }
        match &mut directives.ending {
            Some(ending) => {
                ending.message = grpc_message.unwrap_or_else(|| format!("asked for by {GRPC_STATUS}"));
                ending.after = grpc_after.and_then(|after| u32::try_from(after).ok()).unwrap_or(0);
            }
            None if grpc_message.is_some() || grpc_after.is_some() => {
                return Err(Problem::bad_request(format!(
                    "{GRPC_MESSAGE} and {GRPC_AFTER} go with {GRPC_STATUS}"
                )));
            }
            None => {}
        }
        Ok(directives)
    }
}

/// Before anything is asked of it.
const OK: Ending = Ending {
    code: Code::Ok,
    message: String::new(),
    after: 0,
};

fn number(headers: &HeaderMap, name: &HeaderName, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    let text = only(headers, name)?;
    let (least, most) = (range.start(), range.end());
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| Problem::bad_request(format!("{name} is a number from {least} to {most}, not {text:?}")))
}

fn lines(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
    let values = headers.get_all(name).iter();
    values.map(|value| line(name, text(name, value)?)).collect()
}

fn unknown_directive(name: &str) -> Problem {
    let nearest = ALL
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match nearest {
        Some((_, known)) => Problem::bad_request(format!("there is no header {name}; did you mean {known}?")),
        None => Problem::bad_request(format!("there is no header {name}; there are {}", ALL.join(", "))),
    }
}

/// The value of a header that can be given once only.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => text(name, value),
        _ => Err(Problem::bad_request(format!("{name} is given more than once"))),
    }
}

fn text<'a>(name: &HeaderName, value: &'a HeaderValue) -> Result<&'a str, Problem> {
    value
        .to_str()
        .map_err(|_| Problem::bad_request(format!("{name} is not ASCII text")))
}

fn status(text: &str) -> Result<StatusCode, Problem> {
    text.parse()
        .ok()
        .filter(|status: &StatusCode| (200..=599).contains(&status.as_u16()))
        .ok_or_else(|| Problem::bad_request(format!("{STATUS} is 200 to 599, not {text:?}")))
}

fn delay(text: &str) -> Result<Duration, Problem> {
    humantime::parse_duration(text)
        .ok()
        .filter(|delay| *delay <= LONGEST_DELAY)
        .ok_or_else(|| Problem::bad_request(format!("{DELAY} is a time such as 150ms, at most 1h, not {text:?}")))
}

fn abort(text: &str) -> Result<bool, Problem> {
    text.parse()
        .map_err(|_| Problem::bad_request(format!("{ABORT} is true or false, not {text:?}")))
}

/// A header or a trailer that is to be set.
fn line(directive: &HeaderName, text: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let malformed = || {
        Problem::bad_request(format!(
            "{directive} is a header such as `x-colour: blue`, not {text:?}"
        ))
    };
    let (name, value) = text.split_once(':').ok_or_else(malformed)?;
    meshkat_kit::shape::header(name, value).map_err(|error| match error {
        InvalidHeader::Malformed(_) => malformed(),
        InvalidHeader::Reserved(name) => Problem::bad_request(format!("{directive} cannot set {name}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(headers: &[(&'static str, &'static str)]) -> Result<Directives, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Directives::try_from(&map).map_err(|problem| serde_json::to_value(problem).unwrap()["detail"].to_string())
    }

    #[test]
    fn each_header_steers_one_thing() {
        let directives = parse(&[
            (STATUS, "418"),
            (DELAY, "1s 150ms"),
            (HEADER, "x-one: 1"),
            (HEADER, "x-two:with: colon"),
            (ABORT, "false"),
            (TRAILER, "x-three: 3"),
            (ABORT_AFTER, "0"),
            (BODY_BYTES, "1073741824"),
            (BODY_RATE, "1"),
            (GRPC_STATUS, "UNAVAILABLE"),
            (GRPC_MESSAGE, "away"),
            (GRPC_AFTER, "2"),
            ("x-other", "left alone"),
        ]);
        assert_eq!(
            directives.unwrap(),
            Directives {
                status: Some(StatusCode::IM_A_TEAPOT),
                delay: Some(Duration::from_millis(1150)),
                abort: false,
                shape: Shape {
                    headers: vec![
                        (HeaderName::from_static("x-one"), HeaderValue::from_static("1")),
                        (
                            HeaderName::from_static("x-two"),
                            HeaderValue::from_static("with: colon")
                        ),
                    ],
                    trailers: vec![(HeaderName::from_static("x-three"), HeaderValue::from_static("3"))],
                    abort_after: Some(0),
                    body_bytes: Some(LONGEST_BODY),
                    body_rate: NonZeroU64::new(1),
                },
                ending: Some(Ending {
                    code: Code::Unavailable,
                    message: "away".to_owned(),
                    after: 2,
                }),
            }
        );
    }

    #[test]
    fn an_unknown_header_is_refused_with_the_nearest_known() {
        assert!(
            parse(&[("x-echo-stauts", "500")])
                .unwrap_err()
                .contains("did you mean x-echo-status?")
        );
        assert!(
            parse(&[("x-echo-headers", "a: b")])
                .unwrap_err()
                .contains("did you mean x-echo-header?")
        );
        let far = parse(&[("x-echo-temperature", "1")]).unwrap_err();
        assert!(far.contains("x-echo-temperature") && far.contains(ABORT), "{far}");
    }

    #[test]
    fn a_value_that_does_not_hold_names_its_header() {
        for (name, value) in [
            (STATUS, "100"),
            (STATUS, "600"),
            (STATUS, "ok"),
            (DELAY, "soon"),
            (DELAY, "2h"),
            (ABORT, "yes"),
            (HEADER, "no colon"),
            (HEADER, "bad name: 1"),
            (HEADER, "content-length: 3"),
            (HEADER, "x-served-by: somebody"),
            (TRAILER, "content-length: 3"),
            (ABORT_AFTER, "-1"),
            (BODY_BYTES, "1073741825"),
            (BODY_RATE, "0"),
            (GRPC_STATUS, "AWAY"),
            (GRPC_AFTER, "1"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{name}: {value}: {error}");
        }
        assert!(
            parse(&[(STATUS, "200"), (STATUS, "500")])
                .unwrap_err()
                .contains("more than once")
        );
    }
}
