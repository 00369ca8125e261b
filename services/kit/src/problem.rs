//! Errors as `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::{Map, Value};

/// An error as a client reads it: RFC 9457's members, and extension members of the problem's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Members>);

/// Boxed, as a `Result` is as large as its error.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Members {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(flatten)]
    extensions: Map<String, Value>,
}

impl Problem {
    /// A problem of the kind `about:blank`, titled with the status code's own phrase.
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Members {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status,
            detail: None,
            instance: None,
            extensions: Map::new(),
        }))
    }

    /// A 400: the request itself is wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).detail(detail)
    }

    /// A 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND).detail(detail)
    }

    /// What went wrong this time, and what to do about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A URI reference for this one occurrence.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.0.instance = Some(instance.into());
        self
    }

    /// An extension member. The five standard members cannot be replaced with it; such a name is left out.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        if !["type", "title", "status", "detail", "instance"].contains(&member) {
            self.0.extensions.insert(member.to_owned(), value.into());
        }
        self
    }

    /// What went wrong, in words.
    pub fn told(&self) -> &str {
        self.0.detail.as_deref().unwrap_or(self.0.title)
    }

    /// The status code that it is answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A problem holds strings, numbers and JSON values, so this cannot fail; an empty body would still be an answer.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (
            self.0.status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response()
    }
}

/// The answer to a path that the service does not have.
pub(crate) async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

/// The answer to a method that the path does not have; axum adds the `allow` header.
pub(crate) async fn unknown_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED).detail(format!("{} does not take {method}", uri.path()))
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_those_of_rfc_9457_and_the_problems_own() {
        let problem = Problem::not_found("no pet 9")
            .instance("/pets/9")
            .with("pet", 9)
            .with("status", 200);
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no pet 9",
                   "instance": "/pets/9", "pet": 9})
        );
    }
}
