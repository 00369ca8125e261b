//! What went wrong in TLS, as TLS names it.

use jiff::Timestamp;
use meshkat_model::observation::{NoAnswer, NoAnswerKind};
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, pki_types::UnixTime};

use super::TlsSettings;

/// Why there was no answer over TLS.
pub(crate) fn no_answer(error: &Error, offered: &TlsSettings) -> NoAnswer {
    let (kind, message) = match error {
        Error::InvalidCertificate(error) => of_a_certificate(error),
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) | Error::NoApplicationProtocol => {
            no_alpn(offered)
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => {
            let range = match (offered.min, offered.max) {
                (min, max) if min == max => format!("{min} alone"),
                (min, max) => format!("{min} to {max}"),
            };
            let message = format!("no version of TLS in common: offered was {range}");
            (NoAnswerKind::RefusedVersion, message)
        }
        Error::AlertReceived(alert) => {
            let message = format!("the peer ended TLS with the alert {}", name(*alert));
            (NoAnswerKind::TlsAlert, message)
        }
        Error::InvalidMessage(_) => (NoAnswerKind::Tls, "the peer does not speak TLS".to_owned()),
        other => (NoAnswerKind::Tls, format!("TLS failed: {other}")),
    };
    NoAnswer {
        kind: Some(kind),
        message,
    }
}

/// No protocol was agreed on.
pub(crate) fn no_alpn(offered: &TlsSettings) -> (NoAnswerKind, String) {
    let message = format!("no ALPN protocol in common: offered was {}", offered.alpn.join(", "));
    (NoAnswerKind::NoAlpn, message)
}

fn of_a_certificate(error: &CertificateError) -> (NoAnswerKind, String) {
    let time = |time: UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).map_or_else(|_| "then".to_owned(), |time| time.to_string())
    };
    match error {
        CertificateError::UnknownIssuer => (
            NoAnswerKind::UnknownCa,
            "the peer's certificate is of a CA that is not trusted".to_owned(),
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            NoAnswerKind::Expired,
            format!(
                "the peer's certificate has expired: it was valid until {}",
                time(*not_after)
            ),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            NoAnswerKind::NotYetValid,
            format!(
                "the peer's certificate is not yet valid: it is from {} on",
                time(*not_before)
            ),
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|name| bare(name)).collect();
            let message = format!(
                "the peer's certificate is not of {}: it is of {}",
                expected.to_str(),
                if names.is_empty() {
                    "nobody".to_owned()
                } else {
                    names.join(", ")
                }
            );
            (NoAnswerKind::WrongName, message)
        }
        other => (
            NoAnswerKind::BadCertificate,
            format!("the peer's certificate is no good: {other}"),
        ),
    }
}

/// A name of a certificate, which the library has as `DnsName("foo.com")`.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// The name that RFC 8446 gives to an alert.
fn name(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else {
        return u8::from(alert).to_string();
    };
    let mut own = String::with_capacity(name.len() + 4);
    let mut before = None;
    for letter in name.chars() {
        if letter.is_uppercase() && before.is_some_and(char::is_lowercase) {
            own.push('_');
        }
        own.push(letter.to_ascii_lowercase());
        before = Some(letter);
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_their_protocol() {
        let names = [
            AlertDescription::UnknownCA,
            AlertDescription::CertificateRequired,
            AlertDescription::NoApplicationProtocol,
            AlertDescription::Unknown(200),
        ];
        assert_eq!(
            names.map(name),
            ["unknown_ca", "certificate_required", "no_application_protocol", "200"]
        );
    }

    #[test]
    fn names_are_told_bare() {
        assert_eq!(bare("DnsName(\"foo.com\")"), "foo.com");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(bare("other"), "other");
    }
}
