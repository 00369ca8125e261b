//! The headers that tie the requests of one call together.

use http::{HeaderMap, HeaderName};

/// The headers that go on as they came; those that begin with `x-b3-` do too.
const TRACE_HEADERS: [&str; 4] = ["x-request-id", "traceparent", "tracestate", "b3"];

/// Those of `headers` that go on to whatever the service calls: `x-request-id`, W3C trace context and Zipkin's B3.
pub fn propagated(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| is_trace_header(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn is_trace_header(name: &HeaderName) -> bool {
    TRACE_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("x-b3-")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn trace_headers_go_on_and_nothing_else_does() {
        let all = [
            "x-request-id",
            "traceparent",
            "tracestate",
            "b3",
            "x-b3-traceid",
            "x-b3-sampled",
        ];
        let mut headers: HeaderMap = all
            .iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
            .collect();
        headers.append("tracestate", HeaderValue::from_static("2"));
        headers.insert("authorization", HeaderValue::from_static("secret"));
        headers.insert("x-b3", HeaderValue::from_static("not one"));

        let kept = propagated(&headers);
        assert_eq!(kept.keys_len(), all.len());
        assert_eq!(kept.get_all("tracestate").iter().count(), 2);
        assert!(!kept.contains_key("authorization") && !kept.contains_key("x-b3"));
    }
}
