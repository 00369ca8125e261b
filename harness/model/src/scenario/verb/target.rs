//! Where requests go, and how: the same keys for all that send some.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::tls::TlsKeys;
use crate::{
    mesh::Port,
    scenario::{
        check::Check,
        proxy::{Address, ProxyProtocol},
        quantity::Time,
        value::{Connections, Protocol},
        wire,
    },
    yaml::At,
};

/// Where services tell what reached them (`docs/reference/services.md`).
const MEMORY: [&str; 6] = ["/received", "/checks", "/counters", "/traces", "/logs", "/metrics"];

/// Where requests go, and how. The keys are those of the step itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Target {
    /// Through the inbound listener of this pod's Envoy. The ingress where nothing else is said.
    pub at: Option<At<String>>,
    /// Through the outbound listener of this pod's Envoy, as its application would; `host` names the target.
    pub from: Option<At<String>>,
    /// Past every Envoy, straight at this pod's application.
    #[serde(alias = "straight-to")]
    pub direct: Option<At<String>>,
    /// Any port of a pod, `POD:PORT`, as a configuration of its Envoy has it.
    pub to: Option<At<String>>,
    /// The `Host` header; `:authority` in HTTP/2.
    pub host: Option<String>,
    /// Further headers to send.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// How long one answer may take; 6s by default.
    pub timeout: Option<At<Time>>,
    /// Over which connections: `fresh`, a new one for each request, or so many: of a step's requests, in turn; of a load's, each
    /// waits for one that is free. By default, over those that all requests and loads of the case share.
    pub connections: Option<At<Connections>>,
    /// What they are sent in: `http1`, or `h2`, which is HTTP/2: with `tls` by ALPN, without it by prior knowledge (h2c). HTTP/1.1 by
    /// default; with `alpn` in `tls`, what the peer chooses.
    pub protocol: Option<At<Protocol>>,
    /// Over TLS.
    pub tls: Option<At<TlsKeys>>,
    /// The address that connections are from: one of 127.0.0.0/8. By default, the one that the machine chooses.
    pub source: Option<At<Address>>,
    /// A header of the PROXY protocol in front of everything else.
    pub proxy_protocol: Option<At<ProxyProtocol>>,
}

impl Target {
    /// The host and the way, as a sentence has them behind a path.
    pub(super) fn describe(&self) -> String {
        let way = match (&self.at, &self.from, &self.direct, &self.to) {
            (Some(pod), ..) => format!(" at {}", pod.value),
            (_, Some(pod), ..) => format!(" from {}", pod.value),
            (_, _, Some(pod), _) => format!(" straight to {}", pod.value),
            (.., Some(port)) => format!(" to {}", port.value),
            _ => String::new(),
        };
        let host = self.host.as_ref().map_or(String::new(), |host| format!(" for {host}"));
        format!("{host}{way}")
    }

    /// What is spoken, and the connections, as a sentence has them at its end.
    pub(super) fn over(&self) -> String {
        let protocol = self.protocol.as_ref();
        let protocol = protocol.map_or(String::new(), |protocol| format!(" in {}", protocol.value));
        let tls = if self.tls.is_some() { " with TLS" } else { "" };
        let connections = self.connections.as_ref();
        let over = connections.map_or(String::new(), |connections| format!(" over {}", connections.value));
        format!("{protocol}{tls}{over}{}", self.whose())
    }

    /// Whether a request for this path asks a service what reached it, or an Envoy's admin interface what it has counted: what others
    /// have sent before is in it. Past every Envoy alone: none lets such a request through to a service of ours.
    pub(super) fn asks_for_memory(&self, path: &str) -> bool {
        let alone = path.split(['?', '#']).next().unwrap_or_default();
        let is_past_envoys = self.direct.is_some() || self.to.is_some();
        let is_admin = self.port().is_some_and(|(_, port)| port == Port::Admin.number());
        is_past_envoys && MEMORY.contains(&alone) || is_admin
    }

    /// The pod and the port of `to`.
    pub fn port(&self) -> Option<(&str, u16)> {
        let (pod, port) = self.to.as_ref()?.split_once(':')?;
        Some((pod, port.parse().ok().filter(|port| *port > 0)?))
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        let ways = [&self.at, &self.from, &self.direct, &self.to];
        let mut ways: Vec<&At<String>> = ways.into_iter().flatten().collect();
        ways.sort_by_key(|way| way.place.offset);
        if let [_, second, ..] = ways.as_slice() {
            let help = "choose one of `at`, `from`, `direct` and `to`";
            check.wrong(second.place, "a request goes one way", "a second way", help);
        }
        match (&self.at, &self.from, &self.direct, &self.to) {
            (Some(pod), ..) | (_, Some(pod), ..) => check.with_envoy(pod),
            (_, _, Some(pod), _) => check.application(pod),
            (.., Some(to)) => self.check_port(check, to),
            (None, None, None, None) if !check.mesh.groups.contains_key("ingress") => {
                let help = "say `at: POD`, `from: POD`, `direct: POD` or `to: POD:PORT`";
                check.wrong(
                    check.verb(),
                    "this mesh has no ingress to send the request to",
                    "goes nowhere",
                    help,
                );
            }
            _ => {}
        }
        self.check_headers(check);
        self.check_source(check);
        if let Some(tls) = &self.tls {
            tls.check(check, tls.place, self.protocol.as_ref());
        }
    }

    fn check_port(&self, check: &mut Check<'_>, to: &At<String>) {
        match self.port() {
            None => {
                let message = format!("`{}` is not a port of a pod", to.value);
                check.wrong(to.place, message, "not POD:PORT", "for example `to: ingress:10443`");
            }
            Some((pod, _)) => check.pod_or_group(&At {
                place: check.source.inside(to.place, to, 0, pod.len()).unwrap_or(to.place),
                value: pod.to_owned(),
            }),
        }
    }

    /// What can be said in HTTP/1.1, and not in HTTP/2.
    pub(super) fn check_http2(&self, check: &mut Check<'_>, path: &At<String>) {
        if self.spoken() == Some(Protocol::Http1) {
            return;
        }
        if let Some(why) = wire::not_a_path_of_http2(path) {
            check.wrong(
                path.place,
                format!("this cannot be sent in HTTP/2: {why}"),
                "not a path",
                "encode it",
            );
        }
        for (name, value) in &self.headers {
            if let Some(why) = wire::not_in_http2(name, value) {
                let message = format!("`{name}` cannot be sent in HTTP/2: {why}");
                let place = check.key(&["headers", name.as_str()]);
                check.wrong(
                    place,
                    message,
                    "not a header of HTTP/2",
                    "remove it, or send it in HTTP/1.1",
                );
            }
        }
    }

    fn check_headers(&self, check: &mut Check<'_>) {
        let help = "write it in one line: YAML's `>-` joins several";
        if let Some(why) = self.host.as_deref().and_then(wire::not_a_header_value) {
            let message = format!("this cannot be sent as the `Host` header: {why}");
            check.wrong(check.value(&["host"]), message, "not a header's value", help);
        }
        for (name, value) in &self.headers {
            if let Some(why) = wire::not_a_header_value(value) {
                let place = check.value(&["headers", name.as_str()]);
                let message = format!("this cannot be sent as the header `{name}`: {why}");
                check.wrong(place, message, "not a header's value", help);
            }
            let place = check.key(&["headers", name.as_str()]);
            if wire::not_a_header_name(name) {
                let message = format!("`{name}` is not the name of a header");
                check.wrong(place, message, "not a header's name", "letters, digits and hyphens");
            } else if name.eq_ignore_ascii_case("host") {
                let help = "use `host: …` beside `headers`";
                check.wrong(place, "the `Host` header has a key of its own", "not here", help);
            }
        }
    }
}
