//! What stands in a certificate.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use meshkat_model::observation::Certificate;
use sha2::{Digest as _, Sha256};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
    time::ASN1Time,
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
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        names: names.collect(),
        not_before: time(validity.not_before)?,
        not_after: time(validity.not_after)?,
        sha256: Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect(),
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

fn time(time: ASN1Time) -> Option<String> {
    Some(Timestamp::from_second(time.timestamp()).ok()?.to_string())
}
