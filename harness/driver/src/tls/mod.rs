//! TLS of a client: what it offers, whom it trusts, and who it is.

mod certificate;
mod problem;
mod trust;

use std::{
    fmt,
    hash::{Hash, Hasher},
    io,
    net::SocketAddr,
    sync::Arc,
};

use meshkat_model::{observation::TlsSession, scenario::value::TlsVersion};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) use self::problem::{no_alpn, no_answer};

/// What a client says and asks in a TLS handshake. Files are given as what is in them, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The name that is asked for (SNI), and that the peer's certificate must be of; none is the peer's address, which is not asked
    /// for.
    pub server_name: Option<String>,
    /// The certificates of which the peer's has to come; none is that nothing of the peer's certificate is judged.
    pub ca: Option<Vec<u8>>,
    /// Who the client is: its certificate, with those that lead to its CA behind it, and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The protocols that are offered by ALPN, the best first; no ALPN where there are none.
    pub alpn: Vec<String>,
    /// The lowest version that is offered.
    pub min: TlsVersion,
    /// The highest version that is offered.
    pub max: TlsVersion,
}

/// A part of [`TlsSettings`] that is wrong, and why.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// `server_name`.
    #[error("`{0}` is neither the name of a server nor an address")]
    ServerName(String),
    /// `ca`.
    #[error("the CA's file has no certificates: {0}")]
    Ca(String),
    /// The certificate of `identity`.
    #[error("the certificate's file has no certificates: {0}")]
    Certificate(String),
    /// The key of `identity`.
    #[error("the key's file has no private key: {0}")]
    Key(String),
    /// What does not go together.
    #[error("TLS cannot be set up so: {0}")]
    Together(#[from] rustls::Error),
    /// `min` and `max`.
    #[error("no version of TLS is from {0} to {1}")]
    Versions(TlsVersion, TlsVersion),
}

/// TLS that is ready to be spoken. Cheap to clone. No session is resumed: each connection shows its certificate.
#[derive(Clone)]
pub struct Tls(Arc<Ready>);

struct Ready {
    settings: TlsSettings,
    name: Option<ServerName<'static>>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Gets ready.
    ///
    /// # Errors
    /// See [`TlsProblem`].
    pub fn new(settings: TlsSettings) -> Result<Self, TlsProblem> {
        let name = match settings.server_name.clone() {
            Some(name) => match ServerName::try_from(name.clone()) {
                Ok(name) => Some(name),
                Err(_) => return Err(TlsProblem::ServerName(name)),
            },
            None => None,
        };
        let provider = Arc::new(ring::default_provider());
        let versions = versions(settings.min, settings.max);
        if versions.is_empty() {
            return Err(TlsProblem::Versions(settings.min, settings.max));
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions)?;
        let builder = match &settings.ca {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem).map_err(TlsProblem::Ca)? {
                    roots
                        .add(certificate)
                        .map_err(|error| TlsProblem::Ca(error.to_string()))?;
                }
                builder.with_root_certificates(roots)
            }
            None => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(trust::Anybody::new(&provider))),
        };
        let mut config = match &settings.identity {
            Some((certificate, key)) => {
                let chain = certificates(certificate).map_err(TlsProblem::Certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsProblem::Key(error.to_string()))?;
                builder.with_client_auth_cert(chain, key)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = settings.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(Ready {
            settings,
            name,
            config: Arc::new(config),
        })))
    }

    /// What it was made of.
    pub(crate) fn settings(&self) -> &TlsSettings {
        &self.0.settings
    }

    /// The handshake over a connection.
    ///
    /// # Errors
    /// Those of the connection, and of TLS as an inner error.
    pub(crate) async fn connect(&self, stream: TcpStream, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let name = self.0.name.clone().unwrap_or_else(|| to.ip().into());
        TlsConnector::from(Arc::clone(&self.0.config))
            .connect(name, stream)
            .await
    }
}

/// What was agreed on.
pub(crate) fn session(stream: &TlsStream<TcpStream>) -> TlsSession {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
        _ => TlsVersion::Tls13,
    };
    let alpn = connection.alpn_protocol();
    let peer = connection.peer_certificates().and_then(<[_]>::first);
    TlsSession {
        version: version.to_string(),
        alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()),
        certificate: peer.and_then(|der| certificate::read(der)),
    }
}

fn versions(min: TlsVersion, max: TlsVersion) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let offered = all.into_iter().filter(|(version, _)| (min..=max).contains(version));
    offered.map(|(_, version)| version).collect()
}

/// The certificates of a file, of which there is at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err("no part of it is a certificate in PEM".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(error.to_string()),
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.settings == other.0.settings
    }
}

impl Eq for Tls {}

impl Hash for Tls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The rest seldom differs where this does not.
        self.0.settings.server_name.hash(state);
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        write!(f, "TLS for {:?}", self.0.settings.server_name)
    }
}
