//! The head of a request, as it is told to people.

use std::collections::BTreeMap;

use http::header;
use http::request::Parts;
use serde::Serialize;

/// What the head of a request said.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    /// The method.
    pub method: String,
    /// The path, as it came.
    pub path: String,
    /// As it came, without the question mark; empty if there is none.
    pub query: String,
    /// The `host` header, or HTTP/2's `:authority`; empty if there is neither.
    pub host: String,
    /// By lower-case name; the values of a repeated header are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub http_version: String,
}

impl Head {
    /// Reads it.
    pub fn of(parts: &Parts) -> Self {
        let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
        let headers = parts.headers.iter();
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            host: parts
                .headers
                .get(header::HOST)
                .map(text)
                .or(authority)
                .unwrap_or_default(),
            headers: joined(headers.map(|(name, value)| (name.as_str().to_owned(), text(value)))),
            http_version: format!("{:?}", parts.version),
        }
    }
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// One value for each name; the values of a repeated name are joined by `, `.
pub fn joined(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        map.entry(name)
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert(value);
    }
    map
}
