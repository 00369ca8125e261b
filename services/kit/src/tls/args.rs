//! The flags of a service that speaks TLS.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{InvalidTls, Tls};
use crate::args::parse_listen;

/// The port of TLS where none is given.
const PORT: u16 = 8443;

/// What TLS is spoken with, and where. Each flag is also an environment variable.
#[derive(Debug, Clone, Args)]
pub struct TlsArgs {
    /// PEM file with the certificate, and those between it and its authority; with it, TLS is spoken on a port of its own
    #[arg(long, env = "TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// PEM file with the certificate's private key
    #[arg(long, env = "TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// PEM file with the authorities that a client's certificate has to be of; a client without one is refused [default: none is asked for]
    #[arg(long, env = "TLS_CLIENT_CA", value_name = "FILE", requires = "tls_certificate")]
    pub tls_client_ca: Option<PathBuf>,

    /// Address and port of TLS [default: port 8443 of the address of --listen]
    #[arg(long, env = "TLS_LISTEN", value_name = "ADDR:PORT", value_parser = parse_listen)]
    pub tls_listen: Option<SocketAddr>,
}

impl TlsArgs {
    /// Where TLS is spoken, and with what; `None` if it is not. `listen`: where the service listens without.
    ///
    /// # Errors
    /// A file cannot be read, or they do not go together.
    pub fn tls(&self, listen: SocketAddr) -> Result<Option<(SocketAddr, Tls)>, InvalidTls> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else {
            return Ok(None);
        };
        let tls = Tls::of_files(certificate, key, self.tls_client_ca.as_deref())?;
        let at = self.tls_listen.unwrap_or(SocketAddr::new(listen.ip(), PORT));
        Ok(Some((at, tls)))
    }
}
