//! What a backend tells of what reached it.

use serde_json::{Value, json};

use crate::{expression::Variables, shorten::shorten};

/// The user agent of Envoy's health checks, which are nobody's requests.
const HEALTH_CHECK: &str = "Envoy/HC";

/// Longer texts of a request are not told whole.
const TOLD: usize = 120;

/// What reached a backend since it began, as `GET /received` tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// How many requests there were.
    pub count: u64,
    /// The last of them, in order.
    pub requests: Vec<Value>,
}

/// What reached a pod since some moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// The pod.
    pub pod: String,
    /// The requests in their order, Envoy's health checks left out.
    pub requests: Vec<Value>,
    /// How many more there were that are not kept any more.
    pub forgotten: u64,
}

impl Received {
    /// Reads the answer of `GET /received`.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(json: &Value) -> Result<Self, String> {
        let count = json.get("count").and_then(Value::as_u64);
        let requests = json.get("requests").and_then(Value::as_array);
        match (count, requests) {
            (Some(count), Some(requests)) => Ok(Self {
                count,
                requests: requests.clone(),
            }),
            _ => Err(format!(
                "this does not tell what reached it: {}",
                shorten(&json.to_string(), TOLD)
            )),
        }
    }

    /// What came after the first `before` requests.
    pub fn since(&self, pod: &str, before: u64) -> Reached {
        let new = self.count.saturating_sub(before);
        let kept = self.requests.len().min(usize::try_from(new).unwrap_or(usize::MAX));
        let last = self.requests[self.requests.len() - kept..].iter();
        let is_health_check = |request: &&Value| text(request, &["headers", "user-agent"]) == HEALTH_CHECK;
        Reached {
            pod: pod.to_owned(),
            requests: last.filter(|request| !is_health_check(request)).cloned().collect(),
            forgotten: new - kept as u64,
        }
    }
}

/// A text in a request as it is told; empty if it is not there.
pub(crate) fn text<'v>(request: &'v Value, way: &[&str]) -> &'v str {
    let value = way.iter().try_fold(request, |value, key| value.get(key));
    value.and_then(Value::as_str).unwrap_or_default()
}

/// What a request was spoken in: `HTTP/1.1`, `HTTP/2`, or what is not plain HTTP by its name.
pub(crate) fn protocol(request: &Value) -> &str {
    match (text(request, &["protocol"]), text(request, &["http_version"])) {
        ("http", "HTTP/2.0") => "HTTP/2",
        ("http", version) => version,
        (other, _) => other,
    }
}

/// The path of a request with its query.
pub(crate) fn path(request: &Value) -> String {
    match (text(request, &["path"]), text(request, &["query"])) {
        (path, "") => path.to_owned(),
        (path, query) => format!("{path}?{query}"),
    }
}

/// A request in a few words.
pub(crate) fn told(request: &Value) -> String {
    let protocol = protocol(request);
    if protocol == "tcp" {
        return format!("a TCP connection with {} bytes", request["body_bytes"]);
    }
    let host = text(request, &["host"]);
    let line = format!("{} {}", text(request, &["method"]), path(request));
    format!("{} for {} in {protocol}", shorten(&line, TOLD), shorten(host, TOLD))
}

/// What expressions know of requests that reached a backend.
pub(crate) fn variables(requests: &[&Value]) -> Variables {
    Variables::from([("requests".to_owned(), json!(requests))])
}

/// The names that expressions about what a backend received know.
pub const RECEIVED_VARIABLES: [&str; 1] = ["requests"];

#[cfg(test)]
mod tests {
    use super::*;

    fn received(count: u64, kept: &[&str]) -> Received {
        let requests: Vec<Value> = kept
            .iter()
            .map(|path| json!({"protocol": "http", "path": path, "headers": {"user-agent": if *path == "/hc" { "Envoy/HC" } else { "x" }}}))
            .collect();
        Received::read(&json!({"count": count, "left_out": 0, "requests": requests})).unwrap()
    }

    #[test]
    fn what_came_since_is_the_last_of_it_without_health_checks() {
        let paths = |reached: &Reached| reached.requests.iter().map(path).collect::<Vec<_>>();
        let all = received(4, &["/a", "/hc", "/b", "/c"]);
        let since = all.since("echo", 1);
        assert_eq!(
            (paths(&since), since.forgotten),
            (vec!["/b".to_owned(), "/c".to_owned()], 0)
        );
        assert_eq!(all.since("echo", 4).requests, Vec::<Value>::new());
        let since = received(10, &["/a", "/b"]).since("echo", 3);
        assert_eq!((since.requests.len(), since.forgotten), (2, 5));
        assert!(Received::read(&json!({"count": 1})).is_err());
    }

    #[test]
    fn a_request_is_told_by_what_people_ask_for() {
        let request = json!({"protocol": "http", "method": "GET", "path": "/x", "query": "a=1", "host": "foo.com", "http_version": "HTTP/2.0"});
        assert_eq!(told(&request), "GET /x?a=1 for foo.com in HTTP/2");
        assert_eq!(
            told(&json!({"protocol": "tcp", "body_bytes": 7})),
            "a TCP connection with 7 bytes"
        );
    }
}
