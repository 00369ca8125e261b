//! A stream of bytes to a peer: from a chosen address, behind a header of the PROXY protocol, with TLS or without.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use meshkat_model::observation::TlsSession;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

use crate::{
    lost::Lost,
    peer::Peer,
    stream::{Stream, TlsEnd, of_tls},
    tls,
};

/// A stream, and what is known of how it was made.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) stream: Stream,
    /// What was agreed on in TLS; none in clear text.
    pub(crate) tls: Option<Arc<TlsSession>>,
    /// How it ended, if TLS ended it.
    pub(crate) end: TlsEnd,
    /// How long the connection took to be made.
    pub(crate) connect: Duration,
    /// How long the handshake of TLS took after that.
    pub(crate) handshake: Option<Duration>,
}

/// Makes a connection.
pub(crate) async fn dial(peer: &Peer) -> Result<Dialled, Lost> {
    let begun = Instant::now();
    let mut stream = connect(peer).await?;
    stream.set_nodelay(true).map_err(Lost::NotConnected)?;
    if !peer.preface.is_empty() {
        stream.write_all(&peer.preface).await.map_err(Lost::NotConnected)?;
    }
    let connect = begun.elapsed();
    let (stream, tls, end) = match &peer.tls {
        None => (Stream::Plain(stream), None, TlsEnd::default()),
        Some(tls) => {
            let stream = tls.connect(stream, peer.to).await;
            let stream = stream.map_err(|error| handshake_failed(error, tls))?;
            let (session, end) = (tls::session(&stream), TlsEnd::default());
            (Stream::Tls(Box::new(stream), end.clone()), Some(Arc::new(session)), end)
        }
    };
    let handshake = tls.is_some().then(|| begun.elapsed().saturating_sub(connect));
    Ok(Dialled {
        stream,
        tls,
        end,
        connect,
        handshake,
    })
}

async fn connect(peer: &Peer) -> Result<TcpStream, Lost> {
    let Some(source) = peer.source else {
        return TcpStream::connect(peer.to).await.map_err(Lost::NotConnected);
    };
    let socket = match peer.to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let bound = socket.and_then(|socket| socket.bind(SocketAddr::new(source, 0)).map(|()| socket));
    let socket = bound.map_err(|error| Lost::NoSource(source, error))?;
    socket.connect(peer.to).await.map_err(Lost::NotConnected)
}

fn handshake_failed(error: io::Error, tls: &tls::Tls) -> Lost {
    match of_tls(&error) {
        Some(of_tls) => Lost::Tls(of_tls.clone(), tls.clone()),
        None => Lost::InHandshake(error),
    }
}
