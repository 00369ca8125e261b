//! Certificates that are made for a test, and servers that have them.

use std::sync::Arc;

use meshkat_driver::TlsSettings;
use meshkat_model::scenario::value::TlsVersion;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

/// Who signs certificates.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key is made");
        let pem = params.self_signed(&key).expect("it is signed").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate of these names, from one year to before another.
    pub(crate) fn leaf(&self, names: &[&str], years: (i32, i32)) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("these are names");
        params.distinguished_name.push(DnType::CommonName, "A leaf");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key is made");
        Leaf {
            certificate: params.signed_by(&key, &self.issuer).expect("it is signed").pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate that is good for longer than this program is used.
    pub(crate) fn good(&self, name: &str) -> Leaf {
        self.leaf(&[name], (2020, 2120))
    }
}

impl Leaf {
    /// A server that has it, with these protocols by ALPN.
    pub(crate) fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
        clients: Option<&Ca>,
    ) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("there are such versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(der(&ca.pem)).expect("it is a certificate");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("it is made"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("it is a key");
        let mut config = builder
            .with_single_cert(vec![der(&self.certificate)], key)
            .expect("they belong together");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("it is a certificate")
}

/// A client that asks for `name`, and trusts one CA.
pub(crate) fn trusting(ca: &Ca, name: &str, alpn: &[&str]) -> TlsSettings {
    TlsSettings {
        server_name: Some(name.to_owned()),
        ca: Some(ca.pem.clone().into_bytes()),
        identity: None,
        alpn: alpn.iter().map(|name| (*name).to_owned()).collect(),
        min: TlsVersion::Tls12,
        max: TlsVersion::Tls13,
    }
}
