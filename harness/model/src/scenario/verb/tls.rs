//! TLS of requests.

use schemars::JsonSchema;
use serde::Deserialize;

use super::target::Target;
use crate::{
    scenario::{
        check::{Check, Pem},
        value::{OneOrMany, Protocol, TlsVersion},
    },
    source::Place,
    yaml::At,
};

/// TLS of requests: what is offered, who is trusted, and who asks. Files are beside the scenario or below the project's folder, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsKeys {
    /// The name that is asked for (SNI), and that the certificate must be of. By default `host` without its port; without a `host`, the
    /// certificate must be of the pod's address, and no name is asked for.
    pub server_name: Option<At<String>>,
    /// The file of the certificates of which the peer's has to come. No others are trusted.
    pub ca: Option<At<String>>,
    /// The file of the client's certificate, with those that lead to its CA behind it.
    pub certificate: Option<At<String>>,
    /// The file of the client's key.
    pub key: Option<At<String>>,
    /// The protocols that are offered by ALPN, the best first; none with `[]`. By default that of the `protocol`. Where no `protocol`
    /// is said, the peer chooses what is spoken.
    pub alpn: Option<At<OneOrMany<String>>>,
    /// The lowest version that is offered; 1.2 by default.
    pub min: Option<At<TlsVersion>>,
    /// The highest version that is offered; 1.3 by default.
    pub max: Option<At<TlsVersion>>,
    /// Whether the peer's certificate is judged; `false` takes any.
    pub verify: Option<At<bool>>,
}

impl TlsKeys {
    /// Whether the peer's certificate is judged.
    pub fn verifies(&self) -> bool {
        self.verify.as_ref().is_none_or(|verify| verify.value)
    }

    /// The lowest and the highest version that are offered.
    pub fn versions(&self) -> (TlsVersion, TlsVersion) {
        let value = |version: &Option<At<TlsVersion>>| version.as_ref().map(|version| version.value);
        (
            value(&self.min).unwrap_or(TlsVersion::Tls12),
            value(&self.max).unwrap_or(TlsVersion::Tls13),
        )
    }

    fn files(&self) -> [(Option<&At<String>>, Pem); 3] {
        [
            (self.ca.as_ref(), Pem::Certificate),
            (self.certificate.as_ref(), Pem::Certificate),
            (self.key.as_ref(), Pem::Key),
        ]
    }

    pub(super) fn check(&self, check: &mut Check<'_>, of: Place, protocol: Option<&At<Protocol>>) {
        match (&self.ca, self.verifies()) {
            (None, true) => {
                let help = "say `ca: FILE`, or take any certificate with `verify: false`";
                check.wrong(of, "nobody is trusted", "no certificate would do", help);
            }
            (Some(ca), false) => {
                let help = "remove one of the two";
                check.wrong(ca.place, "what is not judged needs no CA", "`verify` is false", help);
            }
            _ => {}
        }
        if let (Some(one), None) | (None, Some(one)) = (&self.certificate, &self.key) {
            let help = "say both `certificate` and `key`, or neither";
            check.wrong(
                one.place,
                "a client has a certificate and its key",
                "one of the two",
                help,
            );
        }
        if let (Some(min), Some(max)) = (&self.min, &self.max)
            && min.value > max.value
        {
            let message = format!("no version of TLS is from {} to {}", min.value, max.value);
            check.wrong(min.place, message, "above `max`", "`min` is `max` at the most");
        }
        if let Some(name) = &self.server_name
            && (name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:*".contains(c)))
        {
            let message = format!("`{}` is not the name of a server", name.value);
            check.wrong(name.place, message, "not a name", "for example `foo.com`");
        }
        for (name, pem) in self.files() {
            if let Some(name) = name {
                check.pem(name, pem);
            }
        }
        self.check_alpn(check, protocol);
    }

    /// What is offered is what is spoken.
    fn check_alpn(&self, check: &mut Check<'_>, protocol: Option<&At<Protocol>>) {
        let Some(alpn) = &self.alpn else { return };
        if let Some(wrong) = alpn.iter().find(|name| name.is_empty() || name.len() > 255) {
            let message = format!("`{wrong}` is not a protocol of ALPN");
            check.wrong(alpn.place, message, "not a protocol", "for example `[h2, http/1.1]`");
        }
        let offers = |protocol: Protocol| alpn.iter().any(|name| name == protocol.alpn());
        let contradicts = match protocol.map(|protocol| protocol.value) {
            Some(Protocol::Http1) => offers(Protocol::H2),
            Some(Protocol::H2) => !alpn.is_empty() && !offers(Protocol::H2),
            None => false,
        };
        if contradicts {
            let help = "remove `protocol`, and the peer chooses; or offer its name alone";
            check.wrong(
                alpn.place,
                "the peer may choose what is not spoken",
                "contradicts `protocol`",
                help,
            );
        }
    }
}

impl Target {
    /// What is spoken; none is what the peer chooses by ALPN.
    pub fn spoken(&self) -> Option<Protocol> {
        let may_choose = self.tls.as_ref().is_some_and(|tls| tls.alpn.is_some());
        match &self.protocol {
            Some(protocol) => Some(protocol.value),
            None if may_choose => None,
            None => Some(Protocol::Http1),
        }
    }

    /// What is offered by ALPN.
    pub fn alpn(&self) -> Vec<String> {
        match self.tls.as_ref().and_then(|tls| tls.alpn.as_ref()) {
            Some(alpn) => alpn.to_vec(),
            None => self
                .spoken()
                .map(|protocol| protocol.alpn().to_owned())
                .into_iter()
                .collect(),
        }
    }
}
