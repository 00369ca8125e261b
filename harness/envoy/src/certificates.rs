//! Making the certificates of a run.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use meshkat_model::certificates::{Certificates, Flaw, LEAVES, REVOKED};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long they are valid: longer than any run.
const VALID: u32 = 30;
/// The name that nobody asks for.
const WRONG: &str = "wrong.invalid";

/// A time as certificates have it.
macro_rules! at {
    ($time:expr) => {
        date_time_ymd(1970, 1, 1) + ($time).duration_since(UNIX_EPOCH).unwrap_or_default()
    };
}

/// Makes them, and writes each file by `write`, which is given its name and what is in it.
///
/// # Errors
/// A name is none of a server; what `write` says.
pub fn make(certificates: &Certificates, mut write: impl FnMut(&str, &str) -> io::Result<()>) -> io::Result<()> {
    let now = SystemTime::now();
    let (ca, stranger) = (authority("meshkat CA", now)?, authority("stranger CA", now)?);
    write("ca.pem", &ca.1)?;
    write("stranger-ca.pem", &stranger.1)?;
    for (serial, (name, flaw, _)) in (1_u64..).zip(LEAVES) {
        let names = match (name, flaw) {
            ("client", _) => vec![name.to_owned()],
            (_, Flaw::WrongName) => vec![WRONG.to_owned()],
            _ => certificates.names.clone(),
        };
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(serial));
        (params.not_before, params.not_after) = match flaw {
            Flaw::Expired => (at!(now - VALID * DAY), at!(now - DAY)),
            Flaw::NotYetValid => (at!(now + DAY), at!(now + VALID * DAY)),
            _ => (at!(now - DAY), at!(now + VALID * DAY)),
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = if flaw == Flaw::Stranger { &stranger.0 } else { &ca.0 };
        let leaf = params.signed_by(&key, issuer).map_err(io::Error::other)?;
        write(&format!("{name}.pem"), &leaf.pem())?;
        write(&format!("{name}.key"), &key.serialize_pem())?;
    }
    let revoked = (1_u64..).zip(LEAVES).filter(|(_, (_, flaw, _))| *flaw == Flaw::Revoked);
    let list = CertificateRevocationListParams {
        this_update: at!(now - DAY),
        next_update: at!(now + VALID * DAY),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked
            .map(|(serial, _)| RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: at!(now - DAY),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            })
            .collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&ca.0).map_err(io::Error::other)?;
    write(REVOKED, &list.pem().map_err(io::Error::other)?)
}

/// Makes them in a folder that is there, for this user alone.
///
/// # Errors
/// As of [`make`]; a file cannot be written.
pub fn write(certificates: &Certificates, folder: &Path) -> io::Result<()> {
    make(certificates, |name, text| {
        meshkat_files::write_private(&folder.join(name), text)
    })
}

/// Who signs, and its certificate.
fn authority(name: &str, now: SystemTime) -> io::Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (at!(now - VALID * DAY), at!(now + VALID * DAY));
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let pem = params.self_signed(&key).map_err(io::Error::other)?.pem();
    Ok((Issuer::new(params, key), pem))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_file_is_made_and_holds_what_its_name_says() {
        let certificates = Certificates {
            names: vec!["foo.com".to_owned()],
        };
        let mut made = BTreeMap::new();
        make(&certificates, |name, text| {
            made.insert(name.to_owned(), text.to_owned());
            Ok(())
        })
        .unwrap();
        let mut known = meshkat_model::certificates::files();
        known.sort();
        assert_eq!(made.keys().cloned().collect::<Vec<_>>(), known);
        for (name, text) in &made {
            let word = match name.rsplit_once('.') {
                Some((_, "pem")) => "CERTIFICATE",
                Some((_, "key")) => "PRIVATE KEY",
                _ => "X509 CRL",
            };
            assert!(text.starts_with(&format!("-----BEGIN {word}-----")), "{name}: {text}");
        }
    }
}
