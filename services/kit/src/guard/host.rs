//! The names that a service goes by.

use std::net::IpAddr;

use axum::extract::Request;
use http::uri::Authority;
use http::{StatusCode, header};

use crate::problem::Problem;

/// What names end with that only lead into a cluster, or to this machine.
const OWN_SUFFIXES: [&str; 3] = [".svc", ".svc.cluster.local", ".localhost"];

/// Refuses a request that is meant for somebody else: a page in a browser whose name was made to lead here.
pub(super) fn check(request: &Request, allowed: &[String]) -> Result<(), Problem> {
    let headers = request.headers().get_all(header::HOST);
    let given = headers.iter().map(|value| value.to_str().unwrap_or_default());
    let mut names = request
        .uri()
        .authority()
        .map(Authority::as_str)
        .into_iter()
        .chain(given)
        .peekable();
    if names.peek().is_none() {
        return Err(misdirected("it does not say to which host"));
    }
    match names.find(|name| !is_own(name, allowed)) {
        None => Ok(()),
        Some(name) => Err(misdirected(&format!("{name:?} is not a name of this service"))),
    }
}

fn misdirected(what: &str) -> Problem {
    Problem::new(StatusCode::MISDIRECTED_REQUEST).detail(format!(
        "{what}: its names are IP addresses, localhost, names without a dot, *.svc, *.svc.cluster.local, *.localhost, and those given \
         with --allow-host"
    ))
}

/// Whether a service goes by a name, which may have a port.
fn is_own(name: &str, allowed: &[String]) -> bool {
    if name.contains('@') {
        return false;
    }
    let Ok(authority) = name.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let host = host.to_ascii_lowercase();
    if !host.contains('.') {
        return !host.is_empty();
    }
    // The root's dot may stand at the end.
    let host = host.strip_suffix('.').unwrap_or(&host);
    host == "localhost"
        || OWN_SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
        || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_those_that_nobody_else_can_have() {
        for name in [
            "127.0.0.1",
            "127.98.3.1:8080",
            "[::1]:8080",
            "[fe80::1]",
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "pet",
            "sds:8080",
            "sds.default.svc",
            "sds.default.svc.cluster.local:8080",
            "sds.default.svc.cluster.local.",
            "lab.localhost",
            "mesh.example",
            "MESH.example.:80",
        ] {
            assert!(is_own(name, &["mesh.example".to_owned()]), "{name}");
        }
        for name in [
            "",
            ":8080",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "127.0.0.1.evil.example:8080",
            "evil.svc.example",
            "svc.cluster.local.evil.example",
            "evil.",
            "user@localhost",
            "evil.example@127.0.0.1",
            "not.mesh.example",
            "local host",
            "127.1",
            "0x7f.1",
        ] {
            assert!(!is_own(name, &["mesh.example".to_owned()]), "{name}");
        }
    }
}
