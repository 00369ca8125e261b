//! Servers of raw bytes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use indexmap::IndexMap;
use meshkat_driver::{Request, Route};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What a server has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Requests whose head was there as a whole.
    pub(crate) requests: Arc<AtomicUsize>,
    /// Bytes that were sent to clients.
    pub(crate) bytes: Arc<AtomicUsize>,
    /// Clients that were seen to be gone.
    gone: Arc<AtomicUsize>,
}

impl Seen {
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn gone(&self) -> usize {
        self.gone.load(Ordering::SeqCst)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }
}

/// One connection of a client.
pub(crate) struct Connection {
    stream: TcpStream,
    seen: Seen,
}

impl Connection {
    /// Sends, unless the client is gone.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = self.stream.write_all(bytes).await.is_ok();
        self.seen.bytes.fetch_add(bytes.len(), Ordering::SeqCst);
        sent
    }

    /// The client was seen to be gone.
    pub(crate) fn gone(self) {
        self.seen.gone.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads the head of a request; false where none comes any more.
    async fn request(&mut self) -> bool {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return false,
            }
        }
        self.seen.requests.fetch_add(1, Ordering::SeqCst);
        true
    }
}

/// Serves until the test's runtime ends: each request is answered as told, and then the connection is closed.
pub(crate) async fn serve<F>(answer: impl Fn(Connection) -> F + Copy + Send + 'static) -> (SocketAddr, Seen)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let seen = Seen::default();
    let told = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = seen.clone();
            let mut connection = Connection { stream, seen };
            tokio::spawn(async move {
                if connection.request().await {
                    answer(connection).await;
                }
            });
        }
    });
    (address, told)
}

/// A request to a server.
pub(crate) fn get(address: SocketAddr, timeout: Duration) -> Request {
    let route = Route {
        socket: address,
        host: None,
    };
    Request::new("GET", &route, "/", &IndexMap::<String, String>::new(), timeout).expect("this can be sent")
}
