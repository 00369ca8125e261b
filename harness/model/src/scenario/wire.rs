//! What can be said in a request of HTTP/1.1: RFC 9112. Whatever can be is sent byte by byte as it is written. And what of it cannot
//! be said in HTTP/2: RFC 9113.

/// Why a text cannot be sent as the path of a request, in a few words; none if it can. Anything can but what ends the path on the
/// request line: `..`, `\\`, `%`, `#` and `'` are as good as others.
pub fn not_a_path(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("it does not begin with a slash")
    } else if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("it has a space or a control character in it")
    } else {
        None
    }
}

/// Whether a text cannot be sent as the name of a header.
pub fn not_a_header_name(name: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    name.is_empty() || !name.chars().all(token)
}

/// Why a text cannot be sent as the value of a header, in a few words; none if it can. A tab and letters beyond ASCII can.
pub fn not_a_header_value(value: &str) -> Option<&'static str> {
    if value.contains(['\n', '\r']) {
        Some("a line break ends a header")
    } else if value.contains(|c: char| c.is_ascii_control() && c != '\t') {
        Some("it has a control character in it")
    } else {
        None
    }
}

/// Why a path of HTTP/1.1 cannot be sent in HTTP/2, in a few words; none if it can. Nothing is sent there that is no part of a URI.
pub fn not_a_path_of_http2(path: &str) -> Option<&'static str> {
    let (before, query) = path.split_once('?').unwrap_or((path, ""));
    if path.contains('#') {
        Some("a path ends before its `#`")
    } else if before.contains(['<', '>', '`']) || query.contains(['<', '>', '"']) {
        Some("it has a character that no URI has")
    } else {
        None
    }
}

/// Why a header of HTTP/1.1 cannot be sent in HTTP/2, in a few words; none if it can.
pub fn not_in_http2(name: &str, value: &str) -> Option<&'static str> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let of_a_connection = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    if of_a_connection.into_iter().any(is) {
        Some("it is about a connection of HTTP/1.1")
    } else if is("te") && value != "trailers" {
        Some("`te` is `trailers` there, and nothing else")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_line_or_a_word_cannot_be_sent() {
        for path in [
            "/",
            "/open/../x",
            "/a\\b",
            "/%2e%2E/x",
            "/#top",
            "/it's",
            "//a//b",
            "/é?a=\"b\"",
        ] {
            assert_eq!(not_a_path(path), None, "{path}");
        }
        for path in ["", "x", "http://a/", "/a b", "/a\tb", "/a\r\nb", "/a\0", "/a\u{a0}b"] {
            assert!(not_a_path(path).is_some(), "{path}");
        }
        for value in ["", " a  b ", "a\tb", "é", "a\"b"] {
            assert_eq!(not_a_header_value(value), None, "{value}");
        }
        for value in ["a\nb", "a\r", "a\0b", "\u{7f}"] {
            assert!(not_a_header_value(value).is_some(), "{value:?}");
        }
        assert!(!not_a_header_name("X-Any_Case!"));
        for name in ["", "x y", "x:", "é", "x\n"] {
            assert!(not_a_header_name(name), "{name:?}");
        }
    }
}
