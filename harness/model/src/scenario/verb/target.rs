//! Where requests go, and how: the same keys for all that send some.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    scenario::{check::Check, quantity::Time, value::Connections, wire},
    yaml::At,
};

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
    /// The `Host` header.
    pub host: Option<String>,
    /// Further headers to send.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// How long one answer may take; 6s by default.
    pub timeout: Option<At<Time>>,
    /// Over which connections: `fresh`, a new one for each request, or so many: of a step's requests, in turn; of a load's, each
    /// waits for one that is free. By default, over those that all requests and loads of the case share.
    pub connections: Option<At<Connections>>,
}

impl Target {
    /// The host and the way, as a sentence has them behind a path.
    pub(super) fn describe(&self) -> String {
        let way = match (&self.at, &self.from, &self.direct) {
            (Some(pod), _, _) => format!(" at {}", pod.value),
            (_, Some(pod), _) => format!(" from {}", pod.value),
            (_, _, Some(pod)) => format!(" straight to {}", pod.value),
            _ => String::new(),
        };
        let host = self.host.as_ref().map_or(String::new(), |host| format!(" for {host}"));
        format!("{host}{way}")
    }

    /// The connections, as a sentence has them at its end.
    pub(super) fn over(&self) -> String {
        let connections = self.connections.as_ref();
        connections.map_or(String::new(), |connections| format!(" over {}", connections.value))
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        let ways = [&self.at, &self.from, &self.direct];
        let mut ways: Vec<&At<String>> = ways.into_iter().flatten().collect();
        ways.sort_by_key(|way| way.place.offset);
        if let [_, second, ..] = ways.as_slice() {
            let help = "choose one of `at`, `from` and `direct`";
            check.wrong(second.place, "a request goes one way", "a second way", help);
        }
        match (&self.at, &self.from, &self.direct) {
            (Some(pod), _, _) | (_, Some(pod), _) => check.with_envoy(pod),
            (_, _, Some(pod)) => check.application(pod),
            (None, None, None) if !check.mesh.groups.contains_key("ingress") => {
                let help = "say `at: POD`, `from: POD` or `direct: POD`";
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
