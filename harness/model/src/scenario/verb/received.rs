//! `received`: what backends saw, as a verb and as an expectation of a request.

use std::{fmt, time::Duration};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    contract::{AT_ONCE, Impact, Verb},
    envoy::{asks_for_counters, takes},
};
use crate::{
    mesh::Service,
    observation::RECEIVED_VARIABLES,
    scenario::{
        check::Check,
        quantity::{Bound, Time},
        value::{Body, OneOrMany},
        wire,
    },
    yaml::At,
};

/// The services that tell what reached them.
const TELL: [Service; 1] = [Service::Echo];

/// What is expected of what reached backends, by pod or group.
pub type Backends = IndexMap<At<String>, ReceivedExpectations>;

/// Judges what reached backends, asked past every Envoy.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReceivedStep {
    /// By pod or group: what reached it.
    pub received: At<Backends>,
    /// Counted is what came since the case began, or, with `last-received`, since the last such step ended.
    #[serde(default)]
    pub since: At<SinceWhen>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// With `within`: they have to be true so often in a row.
    pub in_a_row: Option<At<u32>>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
}

/// From when on what reached a backend counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinceWhen {
    /// Since the case began.
    #[default]
    Start,
    /// Since the last `received` step ended.
    LastReceived,
}

/// What is expected of the requests that reached a backend. Those count that are all that is said here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReceivedExpectations {
    /// How many such requests there are; at least one where nothing is said.
    pub count: Option<At<Bound>>,
    /// The method.
    pub method: Option<At<String>>,
    /// The path with its query.
    pub path: Option<At<String>>,
    /// The `Host` header; `:authority` in HTTP/2.
    pub host: Option<At<String>>,
    /// Headers; `null` for one that must not be there.
    #[serde(default)]
    pub headers: IndexMap<At<String>, Option<String>>,
    /// The body: a text is the whole of it, anything else is what it has at least, as JSON.
    pub body: Option<At<Body>>,
    /// What was spoken.
    pub protocol: Option<At<ReceivedProtocol>>,
    /// What the client's certificate says.
    pub certificate: Option<At<ClientCertificate>>,
    /// CEL over `requests`: the list of these requests, as `GET /received` has them.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

/// What a backend was spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ReceivedProtocol {
    /// HTTP/1.0.
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1.
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2.
    #[serde(rename = "HTTP/2")]
    Http2,
    /// gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// gRPC-web.
    #[serde(rename = "grpc-web")]
    GrpcWeb,
    /// WebSocket.
    #[serde(rename = "websocket")]
    Websocket,
    /// A TCP connection.
    #[serde(rename = "tcp")]
    Tcp,
}

impl fmt::Display for ReceivedProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::Websocket => "websocket",
            Self::Tcp => "tcp",
        })
    }
}

/// What a client's certificate has to say.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientCertificate {
    /// Whose it is, such as `CN=petstore`.
    pub subject: Option<String>,
    /// Who has signed it.
    pub issuer: Option<String>,
    /// Names and addresses that it is of, among others.
    #[serde(default)]
    pub names: OneOrMany<String>,
    /// Its serial number, as `GET /received` tells it.
    pub serial: Option<String>,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: Option<String>,
}

impl ReceivedExpectations {
    /// Whether something is said of the requests, beside how many they are.
    fn says_which(&self) -> bool {
        let texts = [&self.method, &self.path, &self.host];
        texts.iter().any(|text| text.is_some())
            || !self.headers.is_empty()
            || self.body.is_some()
            || self.protocol.is_some()
            || self.certificate.is_some()
    }

    fn check(&self, check: &mut Check<'_>, name: &At<String>) {
        if !self.says_which() && self.count.is_none() && self.that.is_empty() {
            let message = format!("nothing is expected of what reached `{}`", name.value);
            let help = "say how many requests, such as `count: 3`, or which, such as `path: /stores/1`";
            check.wrong(name.place, message, "no expectation", help);
        }
        if let Some(count) = &self.count {
            check.bound(count.place, count.always(None), "for example `count: 3`, or `count: 0`");
        }
        let is_token = |text: &str| !wire::not_a_header_name(text) && !text.contains(|c: char| c.is_ascii_lowercase());
        if let Some(method) = self.method.as_ref().filter(|method| !is_token(method)) {
            let help = format!("write it as it is sent, such as `method: {}`", method.to_uppercase());
            let message = format!("`{}` is not a method", method.value);
            check.wrong(method.place, message, "not a method", help);
        }
        if let Some(path) = self
            .path
            .as_ref()
            .filter(|path| !path.starts_with(['/', '*']) && !path.starts_with("${"))
        {
            let help = format!("write `/{}`; what comes before it is `host`", path.value);
            check.wrong(path.place, "a path begins with a slash", "not a path", help);
        }
        for header in self.headers.keys() {
            if wire::not_a_header_name(header) {
                let message = format!("`{}` is not the name of a header", header.value);
                check.wrong(
                    header.place,
                    message,
                    "not a header's name",
                    "letters, digits and hyphens",
                );
            } else if header.eq_ignore_ascii_case("host") {
                let help = "use `host: …` beside `headers`";
                check.wrong(header.place, "the `Host` header has a key of its own", "not here", help);
            }
        }
        if let Some(certificate) = &self.certificate
            && certificate.value == ClientCertificate::default()
        {
            let help = "for example `certificate: {subject: CN=petstore}`";
            check.wrong(
                certificate.place,
                "nothing is expected of the certificate",
                "nothing in it",
                help,
            );
        }
        let is_none = |count: &At<Bound>| count.holds(0.0) && !count.holds(1.0);
        if let (Some(_), Some(that)) = (self.count.as_ref().filter(|count| is_none(count)), self.that.first()) {
            let help = "remove `that`, or the `count`";
            check.wrong(that.place, "there is no such request to say it of", "of nothing", help);
        }
        check.expressions(&self.that, &RECEIVED_VARIABLES);
    }
}

/// Everything that is wrong with what is expected of backends.
pub(super) fn check_backends(check: &mut Check<'_>, backends: &Backends) {
    for (name, expected) in backends {
        if let Some(service) = check.service(name)
            && !service.is_some_and(|service| TELL.contains(&service))
        {
            let tell: Vec<&str> = TELL.iter().map(|service| service.name()).collect();
            let message = format!("`{}` does not tell what reached it", name.value);
            let help = format!("of the services, `{}` does", tell.join("`, `"));
            check.wrong(name.place, message, "nobody to ask", help);
        }
        expected.check(check, name);
    }
}

/// Whether an expression of theirs asks what an Envoy has counted before the case.
pub(super) fn ask_for_the_past(backends: &Backends, views: &[&str]) -> bool {
    let mut texts = backends.values().flat_map(|expected| expected.that.iter());
    texts.any(|text| asks_for_counters(text, views))
}

impl Verb for ReceivedStep {
    fn describe(&self) -> String {
        let names: Vec<&str> = self.received.keys().map(|name| name.as_str()).collect();
        let since = match self.since.value {
            SinceWhen::Start => "",
            SinceWhen::LastReceived => " since the last such step",
        };
        format!("received by {}{since}", names.join(", "))
    }

    fn check(&self, check: &mut Check<'_>) {
        check_backends(check, &self.received);
        if self.since.value == SinceWhen::LastReceived && !check.has_received {
            let help = "remove it: then all since the case began counts";
            check.wrong(
                self.since.place,
                "no `received` step is before this one",
                "since nothing",
                help,
            );
        }
        check.has_received = true;
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        check.in_a_row(self.in_a_row.as_ref());
    }

    fn expects(&self) -> bool {
        !self.received.is_empty()
    }

    fn impact(&self) -> Impact {
        Impact::None
    }

    /// Counted is from the begin of the case.
    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        ask_for_the_past(&self.received, views)
    }

    fn takes(&self) -> Duration {
        takes(self.within, self.for_) + AT_ONCE
    }
}
