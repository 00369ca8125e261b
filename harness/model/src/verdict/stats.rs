//! Counters and gauges by name: what one that is not there means.

use std::sync::LazyLock;

use regex::RegexSet;

use crate::{observation::EnvoyView, suggest::nearest};

/// What an Envoy has under a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Counted {
    /// So much.
    Number(f64),
    /// Nothing yet: it makes this one when it first counts, and what it counts for is there.
    NotYet,
    /// There is none of this name, and there never will be as far as is known; why, in words.
    Unknown(String),
}

impl Counted {
    /// The number; none where there is no such name.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::NotYet => Some(0.0),
            Self::Unknown(_) => None,
        }
    }
}

/// The ends of names that Envoy makes when they first count, by its documentation of statistics; before them stands what they
/// are of: `cluster.pet`, `http.ingress_http`, `listener.0.0.0.0_10000`. All others are there from the start, at 0.
const MADE_LATE: [&str; 9] = [
    // Answers by status: of a cluster, of its retries, of zones, of a virtual cluster.
    r"^(?<owner>cluster\..+?|vhost\..+?\.vcluster\..+?)(?:\.(?:canary|external|internal|retry|zone\.[^.]+\.[^.]+))*\.upstream_rq_(?:[1-5]xx|[1-5][0-9][0-9]|completed|unknown)$",
    // Codecs, once there is a connection. Those of the downstream side belong to the server.
    concat!(
        r"^(?:(?<owner>cluster\..+)\.)?http[123]\.(?:",
        "deferred_stream_close|dropped_headers_with_underscores|goaway_sent|header_overflow|headers_cb_no_stream|",
        "inbound_(?:empty|priority|window_update)_frames_flood|keepalive_timeout|metadata_empty_frames|metadata_not_supported_error|",
        "outbound_(?:control_)?(?:flood|frames_active)|pending_send_bytes|requests_rejected_with_underscores_in_headers|",
        "response_flood|rx_messaging_error|rx_reset|stream_refused_errors|streams_active|trailers|tx_flush_timeout|tx_reset|",
        r"(?:.+\.)?quic_.+)$",
    ),
    // By service and method, or not.
    r"^(?<owner>cluster\..+?)\.grpc\.(?:.+\.)?(?:[0-9]{1,2}|failure|request_message_count|response_message_count|success|total)$",
    r"^(?<owner>(?:cluster|listener)\..+)\.ssl\.(?:ciphers|curves|sigalgs|versions)\..+$",
    // Filters that count for the cluster to which a request goes.
    r"^(?<owner>cluster\..+?)\.(?:ext_authz|ratelimit)\.(?:[^.]+\.)?(?:denied|disabled|error|failure_mode_allowed|invalid|ok|over_limit)$",
    r"^(?<owner>http\..+?)\.fault\.[^.]+\.(?:aborts|delays)_injected$",
    r"^(?<owner>http\..+?)\.rbac\..*policy\..+\.(?:allowed|denied|shadow_allowed|shadow_denied)$",
    r"^(?<owner>http\..+?)\.dynamodb\..+$",
    r"^(?<owner>http\..+?)\.user_agent\.(?:android|ios)\.downstream_(?:cx_total|cx_destroy_remote_active_rq|rq_total)$",
];

/// What the counter or gauge `name` of an Envoy is.
pub(super) fn counted(seen: &EnvoyView, name: &str) -> Counted {
    if let Some(number) = seen.stats.get(name) {
        return Counted::Number(*number);
    }
    if seen.stats.is_empty() {
        return Counted::Unknown("this Envoy did not tell its statistics".to_owned());
    }
    let owners: Vec<&str> = owners(name).collect();
    let begins = |owner: &&str| {
        let there = |known: &str| known.strip_prefix(*owner).is_some_and(|rest| rest.starts_with('.'));
        owner.is_empty() || seen.stats.keys().any(|known| there(known))
    };
    match owners.as_slice() {
        owners if owners.iter().any(begins) => Counted::NotYet,
        [owner, ..] => Counted::Unknown(format!(
            "this Envoy has no `{owner}`, of which it could count something{}",
            meant(seen, name)
        )),
        [] => Counted::Unknown(format!(
            "this Envoy has no counter or gauge of this name{}",
            meant(seen, name)
        )),
    }
}

/// What a name that is made late would be counted for.
fn owners(name: &str) -> impl Iterator<Item = &str> {
    static PATTERNS: LazyLock<(RegexSet, Vec<regex::Regex>)> = LazyLock::new(|| {
        let built = MADE_LATE.iter().filter_map(|pattern| regex::Regex::new(pattern).ok());
        (RegexSet::new(MADE_LATE).unwrap_or_default(), built.collect())
    });
    let (set, patterns) = &*PATTERNS;
    let found = set.matches(name).into_iter().collect::<Vec<_>>();
    found.into_iter().filter_map(move |at| {
        let captures = patterns.get(at)?.captures(name)?;
        Some(captures.name("owner").map_or("", |owner| owner.as_str()))
    })
}

fn meant(seen: &EnvoyView, name: &str) -> String {
    // Those that begin alike first: there may be thousands.
    let first = name.split('.').next().unwrap_or_default();
    let alike = seen.stats.keys().filter(|known| known.split('.').next() == Some(first));
    let near =
        nearest(name, alike.map(String::as_str)).or_else(|| nearest(name, seen.stats.keys().map(String::as_str)));
    near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> EnvoyView {
        let names = [
            "cluster.echo.upstream_rq_total",
            "cluster.echo.upstream_rq_5xx",
            "cluster.a.b.upstream_rq_total",
            "http.ingress_http.downstream_rq_5xx",
            "listener.0.0.0.0_10000.downstream_cx_total",
            "limited.http_local_rate_limit.rate_limited",
            "server.live",
        ];
        EnvoyView {
            ready: "LIVE".to_owned(),
            stats: names.into_iter().map(|name| (name.to_owned(), 5.0)).collect(),
            ..EnvoyView::default()
        }
    }

    #[test]
    fn every_pattern_is_one() {
        for pattern in MADE_LATE {
            assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
        }
        assert!(RegexSet::new(MADE_LATE).is_ok());
    }

    #[test]
    fn any_name_that_is_there_is_looked_up() {
        for name in [
            "limited.http_local_rate_limit.rate_limited",
            "server.live",
            "cluster.echo.upstream_rq_5xx",
        ] {
            assert_eq!(counted(&view(), name), Counted::Number(5.0), "{name}");
        }
    }

    #[test]
    fn what_is_made_late_is_nothing_where_its_owner_is_there() {
        for name in [
            "cluster.echo.upstream_rq_404",
            "cluster.echo.retry.upstream_rq_5xx",
            "cluster.echo.external.upstream_rq_2xx",
            "cluster.echo.zone.a.b.upstream_rq_200",
            "cluster.a.b.upstream_rq_4xx",
            "cluster.echo.http2.keepalive_timeout",
            "cluster.echo.ratelimit.over_limit",
            "cluster.echo.grpc.pet.Shop.Get.success",
            "http.ingress_http.fault.echo.aborts_injected",
            "cluster.echo.grpc.14",
            "http2.rx_reset",
            "http.ingress_http.user_agent.ios.downstream_rq_total",
        ] {
            assert_eq!(counted(&view(), name), Counted::NotYet, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_is_told_and_never_0() {
        for (name, told) in [
            (
                "cluster.ecko.upstream_rq_5xx",
                "this Envoy has no `cluster.ecko`, of which it could count something; did you mean `cluster.echo.upstream_rq_5xx`?",
            ),
            (
                "cluster.echo.upstream_rq_5xxx",
                "this Envoy has no counter or gauge of this name; did you mean `cluster.echo.upstream_rq_5xx`?",
            ),
            (
                "http.ingress.downstream_rq_5xx",
                "this Envoy has no counter or gauge of this name; did you mean `http.ingress_http.downstream_rq_5xx`?",
            ),
            (
                "clustr.echo.upstream_rq_5xx",
                "this Envoy has no counter or gauge of this name; did you mean `cluster.echo.upstream_rq_5xx`?",
            ),
            (
                "limited.http_local_rate_limit.rate_limitd",
                "this Envoy has no counter or gauge of this name; did you mean `limited.http_local_rate_limit.rate_limited`?",
            ),
            (
                "cluster.echo.upstream_rq_600",
                "this Envoy has no counter or gauge of this name; did you mean `cluster.echo.upstream_rq_5xx`?",
            ),
            (
                "cluster.echo.http2.rx_resett",
                "this Envoy has no counter or gauge of this name",
            ),
            (
                "cluster.echo.grpc.sucess",
                "this Envoy has no counter or gauge of this name",
            ),
            (
                "http.ingress_http.user_agent.foo.bar",
                "this Envoy has no counter or gauge of this name",
            ),
            (
                "cluster.ech.http2.rx_reset",
                "this Envoy has no `cluster.ech`, of which it could count something",
            ),
            ("zebra.x", "this Envoy has no counter or gauge of this name"),
        ] {
            assert_eq!(counted(&view(), name), Counted::Unknown(told.to_owned()), "{name}");
        }
    }
}
