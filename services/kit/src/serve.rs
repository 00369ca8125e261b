//! The loop that accepts connections and serves them until it is told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::app::App;
use crate::connection::Connection;
use crate::patience::{Patience, Requests, Watched, Working};

/// How long requests in flight may take once the service is told to stop. A service is gone within a second.
pub const GRACE: Duration = Duration::from_millis(900);

/// How long a connection that was just made may take to send its first byte once the service is told to stop.
const FIRST_BYTE: Duration = Duration::from_millis(50);

/// How long to let be after a failed accept: almost always the process is out of file descriptors, and trying again at
/// once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest header list that an HTTP/2 client may send, in bytes: what Envoy itself takes by default.
const H2_HEADER_LIST: u32 = 60 * 1024;

/// How many requests an HTTP/2 client may have open on one connection; what it needs beyond, it opens connections for.
const H2_STREAMS: u32 = 200;

/// Serves `app` over HTTP/1.1 and HTTP/2 without TLS on one port until `shutdown` resolves.
///
/// Then no connection is accepted any more, requests in flight finish, and what is not done after [`GRACE`] is cut.
///
/// # Errors
/// The listener has no local address.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let listen = listener.local_addr()?;
    tracing::info!("listening on {listen}");
    let server = Server {
        patience: app.patience,
        router: app.into_router(listen),
        stop: CancellationToken::new(),
        cut: CancellationToken::new(),
        connections: TaskTracker::new(),
    };

    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.spawn(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!("failed to accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }

    // Clients whose connections the kernel has already taken see them as made: serve those too.
    let listener = listener.into_std()?;
    while let Ok((stream, peer)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            server.spawn(stream, peer);
        }
    }
    drop(listener);
    server.stop().await;
    Ok(())
}

struct Server {
    patience: Patience,
    router: Router,
    /// Finish what is in flight, then close.
    stop: CancellationToken,
    /// Close at once.
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    fn spawn(&self, stream: TcpStream, peer: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let connection = Connection::new(peer, local, self.cut.child_token());
        self.connections.spawn(serve_connection(
            stream,
            connection,
            self.patience,
            self.router.clone(),
            self.stop.clone(),
        ));
    }

    async fn stop(self) {
        tracing::info!("stopping");
        self.stop.cancel();
        self.connections.close();
        if tokio::time::timeout(GRACE, self.connections.wait()).await.is_err() {
            tracing::warn!("cutting {} connections that are still busy", self.connections.len());
            self.cut.cancel();
            self.connections.wait().await;
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    connection: Connection,
    patience: Patience,
    router: Router,
    stop: CancellationToken,
) {
    // hyper drops a connection that is told to stop before its first byte was read, even if that byte has arrived. So
    // begin only when there is something to read, and let a stop wait a moment for it.
    tokio::select! {
        readable = stream.readable() => if readable.is_err() { return },
        () = connection.cancelled() => return,
        () = async { stop.cancelled().await; tokio::time::sleep(FIRST_BYTE).await } => return,
    }
    // Small answers must not wait for the peer's acknowledgement; where that cannot be had, they are only slower.
    let _ = stream.set_nodelay(true);

    let requests = Requests::default();
    let stream = Watched::new(stream, requests.clone(), patience.head);
    let service = service_fn(|request| answer(request, connection.clone(), requests.begin(), router.clone()));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience.ping_every)
        .keep_alive_timeout(patience.pong_within)
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(H2_HEADER_LIST);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stopping = false;
    loop {
        tokio::select! {
            // The connection first: a request that has arrived is begun before a stop is heard.
            biased;
            result = serving.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!("a connection ended: {error}");
                }
                return;
            }
            () = connection.cancelled() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The connection was cut while the request was worked on.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut")]
struct Cut;

async fn answer(
    mut request: http::Request<Incoming>,
    connection: Connection,
    _working: Working,
    router: Router,
) -> Result<Response, Cut> {
    request.extensions_mut().insert(connection.clone());
    tokio::select! {
        biased;
        // HTTP/2 streams are tasks of their own and do not end with the connection's: end them here.
        () = connection.cancelled() => Err(Cut),
        response = router.oneshot(request.map(Body::new)) => {
            let response: Result<Response, Infallible> = response;
            response.map_err(|never| match never {})
        }
    }
}

/// Errors of the one connection that was to be accepted, not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
