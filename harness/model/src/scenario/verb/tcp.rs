//! `tcp`: bytes over a connection, and how it ends.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    answer::AnswerExpectations,
    contract::{AT_ONCE, Impact, Verb},
    request::{SOON, TIMES, check_error},
    target::Target,
    tls::TlsKeys,
    transport::TransportError,
};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    observation::{NoAnswerKind, TRANSFER_VARIABLES},
    scenario::{
        check::{Check, Kept},
        ends::{Ends, ReceivedBytes},
        octets::Octets,
        proxy::{Address, ProxyProtocol},
        quantity::Time,
        race::{self, Race},
        value::OneOrMany,
    },
    yaml::At,
};

/// No more than so many bytes are waited for.
const MOST_BYTES: usize = 4 << 20;

/// Bytes over a connection of their own, what has to come, and how the connection ends.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TcpStep {
    /// A port of a pod, `POD:PORT`, as a configuration of its Envoy has it.
    pub tcp: At<String>,
    /// What is sent: a text as it is, `{hex: …}` or `{base64: …}`.
    pub send: Option<At<Octets>>,
    /// Whether nothing more is sent behind it (FIN), while what comes is still read.
    pub half_close: Option<At<bool>>,
    /// Which bytes have to come: exactly these, `{contains: …}`, or `{bytes: NUMBER}`.
    pub receive: Option<At<ReceivedBytes>>,
    /// How the peer ends the connection.
    pub ends: Option<At<Ends>>,
    /// How long all of it may take; 6s by default.
    pub timeout: Option<At<Time>>,
    /// Over TLS.
    pub tls: Option<At<TlsKeys>>,
    /// The address that the connection is from: one of 127.0.0.0/8. By default, the one that the machine chooses.
    pub source: Option<At<Address>>,
    /// A header of the PROXY protocol in front of everything else.
    pub proxy_protocol: Option<At<ProxyProtocol>>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know it.
    pub keep: Option<At<String>>,
    /// CEL over what is known of it: `text`, `hex`, `length`, `end`, and others.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// There is no connection: `refused`, `timeout`, what TLS names, or `any`.
    pub error: Option<At<TransportError>>,
}

impl TcpStep {
    /// Where it goes, and how. Without `alpn`, nothing is offered by TLS.
    pub fn target(&self) -> Target {
        let mut tls = self.tls.clone();
        if let Some(tls) = &mut tls {
            let place = tls.place;
            tls.value.alpn.get_or_insert_with(|| At {
                place,
                value: OneOrMany::default(),
            });
        }
        Target {
            to: Some(self.tcp.clone()),
            timeout: self.timeout.clone(),
            tls,
            source: self.source.clone(),
            proxy_protocol: self.proxy_protocol.clone(),
            ..Target::default()
        }
    }

    /// Whether something is said of how long it took.
    pub fn asks_for_time(&self) -> bool {
        self.that
            .iter()
            .any(|text| TIMES.iter().any(|name| text.contains(name)))
    }

    /// Whether the peer has to end the connection.
    pub fn awaits_the_end(&self) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.value != Ends::Open)
    }

    /// Whether the connection has to stay open.
    pub fn stays_open(&self) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.value == Ends::Open)
    }

    fn expects_bytes(&self) -> bool {
        self.receive.is_some() || self.ends.is_some()
    }

    fn check_bytes(&self, check: &mut Check<'_>) {
        if let Some(empty) = self.send.as_ref().filter(|bytes| bytes.0.is_empty()) {
            check.wrong(
                empty.place,
                "nothing is sent",
                "no bytes",
                "remove it: nothing is sent without it",
            );
        }
        if let Some(receive) = &self.receive {
            match &receive.value {
                ReceivedBytes::Contains(part) if part.0.is_empty() => {
                    check.always(receive.place, "write what has to come");
                }
                ReceivedBytes::Exactly(bytes) if bytes.0.is_empty() && self.ends.is_none() => {
                    let help = "say beside it how long nothing comes: `ends: closed`, or `ends: open` with a `timeout`";
                    check.always(receive.place, help);
                }
                ReceivedBytes::Number(number) if *number == 0 || *number > MOST_BYTES => {
                    let message = format!("{number} bytes are not waited for");
                    let help = format!("it may be from 1 to {MOST_BYTES}; none is `receive: \"\"` with `ends`");
                    check.wrong(receive.place, message, "out of range", help);
                }
                _ => {}
            }
        }
        if let Some(open) = self
            .ends
            .as_ref()
            .filter(|ends| ends.value == Ends::Open && self.timeout.is_none())
        {
            let help = "say how long, such as `timeout: 500ms`";
            check.wrong(open.place, "a connection stays open for a time", "for how long?", help);
        }
    }
}

impl Verb for TcpStep {
    fn describe(&self) -> String {
        let to = self.target();
        let what = match &self.send {
            Some(bytes) => format!(" sends {}", bytes.value),
            None => String::new(),
        };
        let half = match self.half_close.as_ref().is_some_and(|half| half.value) {
            true => " and nothing more",
            false => "",
        };
        format!("tcp {}{what}{half}{}", self.tcp.value, to.over())
    }

    fn check(&self, check: &mut Check<'_>) {
        let to = self.target();
        to.check(check);
        self.check_bytes(check);
        check_error(check, self.error.as_ref(), &to, self.expects_bytes());
        if !self.expects() && self.keep.is_none() {
            let help = "add what has to come, such as `receive: hello`, or `ends: closed`";
            check.wrong(check.verb(), "this connection expects nothing", "no expectation", help);
        }
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        check.expressions(&self.that, &TRANSFER_VARIABLES);
        check.awaited(self.expects() || self.keep.is_none(), "receive: hello");
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.expects_bytes() || self.error.is_some() || !self.that.is_empty()
    }

    /// Nobody can tell what bytes change; a connection over which none are sent changes nothing.
    fn impact(&self) -> Impact {
        match self.send {
            Some(_) => Impact::Lasting,
            None => Impact::None,
        }
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        let of_texts = AnswerExpectations {
            that: self.that.clone(),
            ..AnswerExpectations::default()
        };
        of_texts.asks_for_the_past(views)
    }

    fn needs(&self, _: &MeshSpec) -> Vec<Capability> {
        self.target().needs()
    }

    fn races(&self) -> Vec<Race> {
        if self.because.is_some() {
            return Vec::new();
        }
        let runs_out = |error: &At<TransportError>| error.value.is(NoAnswerKind::Timeout);
        let timeout = self.timeout.as_ref();
        let timeout = timeout.filter(|_| !self.error.as_ref().is_some_and(runs_out));
        let texts = self.that.iter();
        let texts = texts.filter_map(|text| race::expression(text, &TIMES));
        race::timeout(timeout).into_iter().chain(texts).collect()
    }

    fn takes(&self) -> Duration {
        if let Some(time) = self.for_ {
            return time.0;
        }
        let open = self.timeout.as_ref().filter(|_| self.stays_open());
        let open = open.map_or(Duration::ZERO, |time| time.value.0);
        AT_ONCE + open + self.within.map_or(Duration::ZERO, |limit| limit.0.min(SOON))
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Response))
    }
}
