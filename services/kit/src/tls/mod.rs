//! TLS before HTTP: what a service proves itself with, and what it learns of its client.

mod args;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::file::{FILE_LIMIT, read_file};

pub use args::TlsArgs;
pub use session::{ClientCertificate, TlsSession};

/// What is offered, the better first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a service speaks TLS with.
#[derive(Clone)]
pub struct Tls(pub(crate) TlsAcceptor);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// A file that cannot be read, or is no PEM of that kind.
    #[error("{what} cannot be read from {}: {reason}", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// They do not go together.
    #[error("the certificate and its key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
    /// There is nobody to trust.
    #[error("clients cannot be judged by {}: {reason}", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Tls {
    /// A certificate with those between it and the authority, its key, and the authorities that a client's certificate must be of,
    /// all PEM. With authorities, a client without a certificate is refused; without, none is asked for.
    ///
    /// # Errors
    /// A file cannot be read, or they do not go together.
    pub fn of_files(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, InvalidTls> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates("a certificate", certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read("a key", key)?).map_err(|error| file("a key", key, &error))?;
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let refused = |error: &dyn std::fmt::Display| InvalidTls::ClientCa {
                    path: path.to_owned(),
                    reason: error.to_string(),
                };
                let mut roots = RootCertStore::empty();
                for root in certificates("an authority's certificate", path)? {
                    roots.add(root).map_err(|error| refused(&error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| refused(&error))?)
            }
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls(…)")
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let bytes = read(what, path)?;
    let all = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if all.is_empty() => Err(file(what, path, &"there is none in it")),
        Ok(all) => Ok(all),
        Err(error) => Err(file(what, path, &error)),
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, InvalidTls> {
    read_file(path, FILE_LIMIT).map_err(|error| file(what, path, &error))
}

fn file(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> InvalidTls {
    InvalidTls::File {
        what,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read_to_it() {
        let zero = Path::new("/dev/zero");
        let error = Tls::of_files(zero, zero, None).unwrap_err().to_string();
        assert!(error.contains("/dev/zero: it is longer than"), "{error}");
    }
}
