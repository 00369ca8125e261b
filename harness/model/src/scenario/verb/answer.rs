//! What an answer must be: the same keys for all that ask over HTTP.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{envoy, target::Target};
use crate::{
    observation::RESPONSE_VARIABLES,
    scenario::{
        check::Check,
        value::{Connections, Json, OneOrMany, Protocol, Statuses},
    },
    yaml::At,
};

/// What HTTP knows as the status of an answer: an interim one is none, but for the change to another protocol.
const ANSWERS: std::ops::RangeInclusive<u16> = 200..=599;

/// What an answer must be. The keys are those of the step itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AnswerExpectations {
    /// The status, or the statuses of which it is one.
    pub status: Option<At<Statuses>>,
    /// Headers of the answer; `null` for one that must not be there.
    #[serde(default)]
    pub response_headers: IndexMap<At<String>, Option<String>>,
    /// The whole body.
    pub text: Option<At<String>>,
    /// A part of the body.
    pub contains: Option<At<OneOrMany<String>>>,
    /// What the JSON body has at least.
    pub json: Option<At<Json>>,
    /// Whether it came over a connection that was made for it.
    pub connection: Option<At<ConnectionUse>>,
    /// The protocol that the peer chose by ALPN; `none` where it chose none.
    pub alpn: Option<At<String>>,
    /// What the peer's certificate says.
    pub certificate: Option<At<CertificateExpectations>>,
    /// What came behind the body; `null` for one that must not be there.
    #[serde(default)]
    pub trailers: IndexMap<At<String>, Option<String>>,
    /// CEL over what is known of the answer: `status`, `headers`, `text`, `json`, and others.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

/// Whether a connection was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionUse {
    /// It was made for this request.
    New,
    /// It had been used before.
    Used,
}

impl fmt::Display for ConnectionUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Used => "used",
        })
    }
}

/// What a certificate has to say.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateExpectations {
    /// Whose it is, such as `CN=foo.com`.
    pub subject: Option<String>,
    /// Who has signed it.
    pub issuer: Option<String>,
    /// Names and addresses that it is of, among others.
    #[serde(default)]
    pub names: OneOrMany<String>,
    /// From when it is valid, such as `2026-01-01T00:00:00Z`.
    pub not_before: Option<String>,
    /// Until when it is valid.
    pub not_after: Option<String>,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: Option<String>,
}

impl AnswerExpectations {
    /// Whether something is expected that only an answer can have.
    pub(crate) fn expects_answer(&self) -> bool {
        self.status.is_some()
            || self.text.is_some()
            || self.contains.is_some()
            || self.json.is_some()
            || !self.response_headers.is_empty()
            || !self.trailers.is_empty()
            || self.expects_connection()
    }

    /// Whether something is expected of the connection.
    fn expects_connection(&self) -> bool {
        self.connection.is_some() || self.alpn.is_some() || self.certificate.is_some()
    }

    /// What is expected of the connection can be so and can be otherwise, the way that the requests go.
    pub(super) fn check_connection(&self, check: &mut Check<'_>, to: &Target) {
        for (key, place) in [
            ("alpn", self.alpn.as_ref().map(|alpn| alpn.place)),
            (
                "certificate",
                self.certificate.as_ref().map(|certificate| certificate.place),
            ),
        ] {
            if let (Some(place), None) = (place, &to.tls) {
                let message = format!("`{key}` is of a connection with TLS");
                check.wrong(place, message, "never so", "say `tls: {…}` beside it, or remove it");
            }
        }
        if let (Some(alpn), Some(_)) = (&self.alpn, &to.tls) {
            let offered = to.alpn();
            if alpn.value != "none" && !offered.contains(&alpn.value) {
                let message = format!("`{}` is not offered, and cannot be chosen", alpn.value);
                let help = format!("offered is `alpn: [{}]` of `tls`", offered.join(", "));
                check.wrong(alpn.place, message, "never so", help);
            } else if offered.is_empty() || to.protocol.as_ref().is_some_and(|own| own.value == Protocol::H2) {
                check.always(
                    alpn.place,
                    "offer several, such as `tls: {alpn: [h2, http/1.1]}`, and no `protocol`",
                );
            }
        }
        let is_fresh = to
            .connections
            .as_ref()
            .is_some_and(|own| own.value == Connections::Fresh);
        match &self.connection {
            Some(new) if is_fresh && new.value == ConnectionUse::New => {
                check.always(new.place, "each has a new one with `connections: fresh`");
            }
            Some(used) if is_fresh => {
                let help = "remove it, or `connections: fresh`";
                check.wrong(used.place, "each request has a connection of its own", "never so", help);
            }
            _ => {}
        }
        if let Some(certificate) = &self.certificate
            && certificate.value == CertificateExpectations::default()
        {
            let help = "for example `certificate: {names: foo.com}`";
            check.wrong(
                certificate.place,
                "nothing is expected of the certificate",
                "nothing in it",
                help,
            );
        }
    }

    /// What is expected can fail.
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if let Some(statuses) = &self.status
            && ANSWERS.clone().all(|status| statuses.0.contains(&status))
        {
            let help = "name those that may come; that there is an answer at all is `that: error == null`";
            check.always(statuses.place, help);
        }
        for (index, part) in self.contains.iter().flat_map(|parts| parts.iter()).enumerate() {
            if part.is_empty() {
                let place = check.item(&["contains"], index);
                check.always(place, "every body has an empty part; write what it is to contain");
            }
        }
        check.expressions(&self.that, &RESPONSE_VARIABLES);
    }

    /// Whether an expression asks what an Envoy has counted before the case.
    pub(super) fn asks_for_the_past(&self, views: &[&str]) -> bool {
        self.that.iter().any(|text| envoy::asks_for_counters(text, views))
    }
}
