//! The request headers that steer the answer.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use meshkat_kit::{PEER_ADDRESS, Problem, SERVED_BY};

const PREFIX: &str = "x-echo-";
const STATUS: &str = "x-echo-status";
const DELAY: &str = "x-echo-delay";
const HEADER: &str = "x-echo-header";
const ABORT: &str = "x-echo-abort";

/// The longest delay that can be asked for.
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// Response headers that belong to the connection or to the kit: setting one would break the answer or be undone.
const RESERVED: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    SERVED_BY,
    PEER_ADDRESS,
];

/// What a request asks of its answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Directives {
    pub(crate) status: Option<StatusCode>,
    pub(crate) delay: Option<Duration>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) abort: bool,
}

impl TryFrom<&HeaderMap> for Directives {
    type Error = Problem;

    fn try_from(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut directives = Self::default();
        for name in headers.keys().filter(|name| name.as_str().starts_with(PREFIX)) {
            match name.as_str() {
                STATUS => directives.status = Some(status(only(headers, name)?)?),
                DELAY => directives.delay = Some(delay(only(headers, name)?)?),
                ABORT => directives.abort = abort(only(headers, name)?)?,
                HEADER => {
                    directives.headers = headers
                        .get_all(name)
                        .iter()
                        .map(|value| response_header(text(name, value)?))
                        .collect::<Result<_, _>>()?;
                }
                unknown => return Err(unknown_directive(unknown)),
            }
        }
        Ok(directives)
    }
}

fn unknown_directive(name: &str) -> Problem {
    let nearest = [STATUS, DELAY, HEADER, ABORT]
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match nearest {
        Some((_, known)) => Problem::bad_request(format!("there is no header {name}; did you mean {known}?")),
        None => Problem::bad_request(format!(
            "there is no header {name}; there are {STATUS}, {DELAY}, {HEADER} and {ABORT}"
        )),
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

fn response_header(text: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let malformed = || Problem::bad_request(format!("{HEADER} is a header such as `x-colour: blue`, not {text:?}"));
    let (name, value) = text.split_once(':').ok_or_else(malformed)?;
    let name: HeaderName = name.trim().parse().map_err(|_| malformed())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| malformed())?;
    if RESERVED.contains(&name) {
        return Err(Problem::bad_request(format!("{HEADER} cannot set {name}")));
    }
    Ok((name, value))
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
            ("x-other", "left alone"),
        ]);
        assert_eq!(
            directives.unwrap(),
            Directives {
                status: Some(StatusCode::IM_A_TEAPOT),
                delay: Some(Duration::from_millis(1150)),
                headers: vec![
                    (HeaderName::from_static("x-one"), HeaderValue::from_static("1")),
                    (
                        HeaderName::from_static("x-two"),
                        HeaderValue::from_static("with: colon")
                    ),
                ],
                abort: false,
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
