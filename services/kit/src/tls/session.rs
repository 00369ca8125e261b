//! What was agreed upon when a client came over TLS.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{ProtocolVersion, ServerConnection};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What a client and the service agreed upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsSession {
    /// The name that the client asked for.
    pub sni: Option<String>,
    /// `h2` or `http/1.1`; none if the client offered nothing.
    pub alpn: Option<String>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// The client's certificate, which was judged; none where none is asked for.
    pub client_certificate: Option<ClientCertificate>,
}

/// What a client's certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    /// Such as `CN=client`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its further names: of DNS, URIs, IP and mail addresses.
    pub names: Vec<String>,
    /// In hexadecimal digits.
    pub serial: String,
    /// The SHA-256 of the whole of it, in hexadecimal digits.
    pub sha256: String,
}

impl TlsSession {
    pub(crate) fn of(connection: &ServerConnection) -> Self {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        };
        let suite = connection.negotiated_cipher_suite();
        let certificates = connection.peer_certificates().unwrap_or_default();
        Self {
            sni: connection.server_name().map(str::to_owned),
            alpn: connection
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            version,
            cipher: suite.map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
            client_certificate: certificates
                .first()
                .map(|certificate| ClientCertificate::of(certificate)),
        }
    }
}

impl ClientCertificate {
    fn of(der: &[u8]) -> Self {
        let sha256 = hex(&Sha256::digest(der));
        // It was judged, so it can be read; if not by this reader, its digest still tells which it is.
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Self {
                subject: String::new(),
                issuer: String::new(),
                names: Vec::new(),
                serial: String::new(),
                sha256,
            };
        };
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map_or(&[][..], |extension| &extension.value.general_names);
        Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.iter().filter_map(name).collect(),
            serial: hex(certificate.raw_serial()),
            sha256,
        }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            _ => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
