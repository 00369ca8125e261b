//! What stands in a certificate.

use std::net::{Ipv4Addr, Ipv6Addr};

use meshkat_model::observation::Certificate;
use sha2::{Digest as _, Sha256};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    objects::{oid_registry, oid2abbrev},
    prelude::FromDer as _,
    time::ASN1Time,
    x509::X509Name,
};

/// What a certificate says; none where it cannot be read.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = parsed
        .extensions()
        .iter()
        .flat_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => names.general_names.iter().filter_map(name).collect(),
            _ => Vec::new(),
        });
    let validity = parsed.validity();
    Some(Certificate {
        subject: distinguished(parsed.subject()),
        issuer: distinguished(parsed.issuer()),
        names: names.collect(),
        not_before: time(validity.not_before),
        not_after: time(validity.not_after),
        sha256: hex(&Sha256::digest(der)),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(|four| Ipv4Addr::from(four).to_string());
            four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|all| Ipv6Addr::from(all).to_string()))
                .ok()
        }
        _ => None,
    }
}

/// A name with its parts in the certificate's order, each escaped as of RFC 4514, so that no two names read alike.
fn distinguished(name: &X509Name<'_>) -> String {
    let parts = name.iter_rdn().map(|part| {
        let attributes = part.iter().map(|attribute| {
            let oid = attribute.attr_type();
            let key = oid2abbrev(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned);
            match attribute.as_str() {
                Ok(value) => format!("{key}={}", escaped(value)),
                Err(_) => format!("{key}=#{}", hex(attribute.as_slice())),
            }
        });
        attributes.collect::<Vec<_>>().join(" + ")
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (at, letter) in value.chars().enumerate() {
        let is_edge = at == 0 && matches!(letter, ' ' | '#') || at == last && letter == ' ';
        if is_edge || matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339 in UTC. Also the last second of the year 9999, which RFC 5280 has for "never" and calendars of time zones do not.
fn time(time: ASN1Time) -> String {
    let at = time.to_datetime();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_read_alike() {
        assert_eq!(escaped("foo.com"), "foo.com");
        assert_eq!(escaped("a, CN=victim"), r"a\, CN\=victim");
        assert_eq!(escaped(" #1+\"x\" "), r#"\ #1\+\"x\"\ "#);
    }

    #[test]
    fn a_certificate_that_never_ends_says_so() {
        let never = ASN1Time::from_timestamp(253_402_300_799).unwrap();
        assert_eq!(time(never), "9999-12-31T23:59:59Z");
    }
}
