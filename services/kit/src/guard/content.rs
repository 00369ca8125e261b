//! What the body of a write is said to be.

use axum::body::HttpBody as _;
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// What `curl -d` says of any body.
const FORM: &str = "application/x-www-form-urlencoded";

/// Refuses a body that says that it is something else than JSON: what a page can send without asking is never called JSON.
///
/// One that says nothing, or what `curl -d` says of itself, is taken where nothing tells of a browser.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    if request.body().is_end_stream() || request.body().size_hint().exact() == Some(0) {
        return Ok(());
    }
    let given: Vec<_> = request.headers().get_all(header::CONTENT_TYPE).iter().collect();
    let is_taken = match *given {
        [] => !is_of_a_browser(request.headers()),
        [one] => {
            let kind = essence(one.to_str().unwrap_or_default());
            is_json(&kind) || (kind == FORM && !is_of_a_browser(request.headers()))
        }
        _ => false,
    };
    if is_taken {
        return Ok(());
    }
    let told: Vec<_> = given
        .iter()
        .map(|kind| String::from_utf8_lossy(kind.as_bytes()))
        .collect();
    let told = if told.is_empty() {
        "nothing".to_owned()
    } else {
        told.join(", ")
    };
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(format!(
        "the body has to be said to be JSON, with `content-type: application/json` (or a type that ends with +json), and it is said to \
         be {told}"
    )))
}

/// The type without its parameters.
fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.contains('/') && kind.ends_with("+json"))
}

/// Browsers say where a request comes from, and no page can keep them from it.
fn is_of_a_browser(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("sec-") || ["origin", "referer", "cookie"].contains(&name)
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn status(headers: &[(&str, &str)], body: &'static str) -> u16 {
        let mut request = http::Request::put("/faults");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(Body::from(body)).unwrap()).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn json_is_asked_for() {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            FORM,
        ] {
            assert_eq!(status(&[("content-type", kind)], "{}"), 200, "{kind}");
        }
        for kind in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "json",
            "+json",
            "",
            "text/json",
            "application/jsonp",
        ] {
            assert_eq!(status(&[("content-type", kind)], "{}"), 415, "{kind}");
            // What is not there need not be said to be anything.
            assert_eq!(status(&[("content-type", kind)], ""), 200, "{kind}");
        }
        assert_eq!(status(&[], "{}"), 200);
        assert_eq!(
            status(
                &[("content-type", "application/json"), ("content-type", "text/plain")],
                "{}"
            ),
            415
        );
    }

    #[test]
    fn from_a_browser_only_what_it_asks_for_before() {
        for mark in [
            ("sec-fetch-site", "same-origin"),
            ("referer", "http://localhost:8080/"),
            ("cookie", "a=b"),
        ] {
            assert_eq!(status(&[mark, ("content-type", FORM)], "{}"), 415, "{mark:?}");
            assert_eq!(status(&[mark], "{}"), 415, "{mark:?}");
            assert_eq!(
                status(&[mark, ("content-type", "application/json")], "{}"),
                200,
                "{mark:?}"
            );
        }
    }
}
