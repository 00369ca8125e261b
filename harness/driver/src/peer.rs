//! What a connection is: who is at its other end, and what is spoken with them.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use meshkat_model::scenario::value::Protocol;

use crate::tls::Tls;

/// Where a connection goes, and how. Requests to the same peer may share connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) to: SocketAddr,
    /// What is spoken; none is whichever the peer chooses by ALPN.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) tls: Option<Tls>,
    /// The address that the connection is from; none is what the machine chooses.
    pub(crate) source: Option<IpAddr>,
    /// What is sent before everything else, also before TLS.
    pub(crate) preface: Bytes,
}

impl Peer {
    /// In clear text.
    pub(crate) fn plain(to: SocketAddr) -> Self {
        Self {
            to,
            protocol: Some(Protocol::Http1),
            tls: None,
            source: None,
            preface: Bytes::new(),
        }
    }

    /// Whether a protocol is spoken, or may be.
    pub(crate) fn may_speak(&self, protocol: Protocol) -> bool {
        self.protocol.is_none_or(|own| own == protocol)
    }
}
