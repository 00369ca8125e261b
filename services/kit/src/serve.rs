//! The loop that accepts connections and serves them until it is told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::answered::{Answered, Waiting};
use crate::app::App;
use crate::connection::Connection;
use crate::crowd::{Crowd, FEW_REQUESTS, Place, UnderWay};
use crate::lane::{Lanes, OfConnection};
use crate::memory;
use crate::patience::{Patience, Watched, Working};
use crate::problem::Problem;
use crate::shape::ComesByItself;
use crate::tls::{Tls, TlsSession};

/// How long requests in flight may take once the service is told to stop. A service is gone within a second.
pub const GRACE: Duration = Duration::from_millis(900);

/// How long a connection that was just made may take to send its first byte once the service is told to stop.
const FIRST_BYTE: Duration = Duration::from_millis(50);

/// How long to let be after a failed accept: almost always the process is out of file descriptors, and trying again at
/// once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often it is looked whether many clients have gone, whose memory can be given back.
const LOOK_AT_MEMORY: Duration = Duration::from_secs(1);

/// How many requests an HTTP/2 client may have open on one connection; what it needs beyond, it opens connections for.
const H2_STREAMS: u32 = 100;

/// What an HTTP/1.1 connection may keep beside the longest head that a request may have, in bytes.
const H1_BESIDE_HEAD: usize = 4 << 10;

/// How many bytes an HTTP/2 client may send before it is told that they were read: of a request, and of all of a connection.
/// As much as HTTP/2 begins with.
const H2_WINDOW: u32 = 65_535;

/// How many bytes of an answer wait on an HTTP/2 connection to be sent.
const H2_SEND_BUFFER: usize = 64 * 1024;

/// Serves `app` over HTTP/1.1 and HTTP/2 without TLS on one port until `shutdown` resolves. A connection may be taken over by a
/// WebSocket.
///
/// Then no connection is accepted any more, requests in flight finish, and what is not done after [`GRACE`] is cut.
///
/// # Errors
/// The listener has no local address, or a thread cannot be had.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    serve_with(listener, None, app, shutdown).await
}

/// The same, and over TLS on a second listener.
///
/// # Errors
/// A listener has no local address, or a thread cannot be had.
pub async fn serve_with(
    listener: TcpListener,
    secure: Option<(TcpListener, Tls)>,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listen = listener.local_addr()?;
    tracing::info!("listening on {listen}");
    let (secure, acceptor) = secure.map(|(listener, Tls(acceptor))| (listener, acceptor)).unzip();
    if let Some(secure) = &secure {
        tracing::info!("TLS is spoken on {}", secure.local_addr()?);
    }
    let apart = app.apart;
    let (lanes, _others) = if apart {
        let (lanes, others) = Lanes::apart()?;
        (lanes, Some(others))
    } else {
        (Lanes::one(), None)
    };
    let server = Server {
        patience: app.patience,
        longest_head: app.longest_head,
        lanes,
        router: app.into_router(listen),
        stop: CancellationToken::new(),
        cut: CancellationToken::new(),
        crowd: Crowd::new(apart),
        connections: TaskTracker::new(),
    };

    let mut shutdown = pin!(shutdown);
    let mut looks = tokio::time::interval(LOOK_AT_MEMORY);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = looks.tick() => if server.crowd.has_gone() {
                // Nobody waits for it.
                drop(tokio::task::spawn_blocking(memory::give_back));
            },
            accepted = listener.accept() => server.accepted(accepted, None).await,
            accepted = accept(secure.as_ref()) => server.accepted(accepted, acceptor.as_ref()).await,
        }
    }

    server.take_rest(listener, None)?;
    if let Some(secure) = secure {
        server.take_rest(secure, acceptor.as_ref())?;
    }
    server.stop().await;
    Ok(())
}

/// A connection from a listener that need not be there.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

struct Server {
    patience: Patience,
    longest_head: u32,
    lanes: Arc<Lanes>,
    router: Router,
    /// Finish what is in flight, then close.
    stop: CancellationToken,
    /// Close at once.
    cut: CancellationToken,
    crowd: Arc<Crowd>,
    connections: TaskTracker,
}

impl Server {
    async fn accepted(&self, accepted: io::Result<(TcpStream, SocketAddr)>, tls: Option<&TlsAcceptor>) {
        match accepted {
            Ok((stream, peer)) => self.spawn(stream, peer, tls),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!("failed to accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Clients whose connections the kernel has already taken see them as made: serve those too.
    fn take_rest(&self, listener: TcpListener, tls: Option<&TlsAcceptor>) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok((stream, peer)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                self.spawn(stream, peer, tls);
            }
        }
        Ok(())
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, tls: Option<&TlsAcceptor>) {
        let Ok(local) = stream.local_addr() else { return };
        let connection = Connection::new(peer, local, self.cut.child_token(), self.stop.clone());
        let Some(place) = self.crowd.join(connection.token()) else {
            tracing::debug!("there is no room for a connection from {peer}");
            return;
        };
        connection.is(Arc::clone(&place.0));
        let standing = Arc::clone(connection.standing());
        let serving = serve_connection(
            stream,
            tls.cloned(),
            connection,
            place,
            (self.patience, self.longest_head),
            OfConnection::new(&self.lanes, &standing),
            self.router.clone(),
        );
        self.lanes.spawn(&standing, self.connections.track_future(serving));
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
    tls: Option<TlsAcceptor>,
    connection: Connection,
    place: Place,
    (patience, longest_head): (Patience, u32),
    executor: OfConnection,
    router: Router,
) {
    // hyper drops a connection that is told to stop before its first byte was read, even if that byte has arrived. So
    // begin only when there is something to read, and let a stop wait a moment for it.
    tokio::select! {
        readable = stream.readable() => if readable.is_err() { return },
        () = connection.cancelled() => return,
        () = async { connection.stopping().await; tokio::time::sleep(FIRST_BYTE).await } => return,
    }
    // Small answers must not wait for the peer's acknowledgement; where that cannot be had, they are only slower.
    let _ = stream.set_nodelay(true);
    // What TLS needs is not to make those larger that are without it.
    let stream = match tls {
        None => Either::Left(stream),
        Some(acceptor) => match Box::pin(handshake(acceptor, stream, &connection, patience.head)).await {
            Some(stream) => Either::Right(Box::new(stream)),
            None => return,
        },
    };

    let requests = connection.requests();
    let stream = Watched::new(stream, requests.clone(), patience);
    let (waiting, member, refused) = (Waiting::default(), &place.0, executor.refused());
    let service = service_fn(|request: http::Request<Incoming>| {
        let under_way = member.begin();
        if under_way.is_none() && request.version() == Version::HTTP_2 {
            refused.refuse();
        }
        let asked = Asked {
            connection: connection.clone(),
            waiting: waiting.clone(),
            under_way,
            _working: requests.begin(),
        };
        answer(request, asked, router.clone())
    });
    let mut builder = auto::Builder::new(executor);
    builder.http1().max_buf_size(longest_head as usize + H1_BESIDE_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .keep_alive_interval(patience.ping_every)
        .keep_alive_timeout(patience.pong_within)
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(longest_head)
        .initial_stream_window_size(H2_WINDOW)
        .initial_connection_window_size(H2_WINDOW)
        .max_send_buf_size(H2_SEND_BUFFER);
    let mut looks = tokio::time::interval(patience.taken_within / 4);
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut stopping = false;
    loop {
        tokio::select! {
            // The connection first: a request that has arrived is begun before a stop is heard.
            biased;
            result = serving.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!("a connection ended: {error}");
                }
                break;
            }
            () = connection.cancelled() => return,
            _ = looks.tick() => if waiting.is_longer_than(patience.taken_within) {
                tracing::debug!("an answer is not taken");
                return;
            },
            () = connection.stopping(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
    // Another protocol may have taken it over, in the same place.
    tokio::select! {
        () = connection.let_go() => {}
        () = connection.cancelled() => {}
    }
}

/// Agrees with a client upon TLS, within so long.
async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    connection: &Connection,
    within: Duration,
) -> Option<TlsStream<TcpStream>> {
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(within, acceptor.accept(stream)) => accepted,
        () = connection.cancelled() => return None,
    };
    match accepted {
        Ok(Ok(stream)) => {
            connection.speaks_tls(TlsSession::of(stream.get_ref().1));
            Some(stream)
        }
        Ok(Err(error)) => {
            tracing::debug!("no TLS with {}: {error}", connection.peer());
            None
        }
        Err(_) => {
            tracing::debug!("no TLS with {} in time", connection.peer());
            None
        }
    }
}

/// The connection was cut while the request was worked on.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut")]
struct Cut;

/// A request that has begun.
struct Asked {
    connection: Connection,
    waiting: Waiting,
    /// None if there is no room for it.
    under_way: Option<UnderWay>,
    _working: Working,
}

async fn answer(mut request: http::Request<Incoming>, asked: Asked, router: Router) -> Result<Response, Cut> {
    let Asked {
        connection,
        waiting,
        under_way,
        ..
    } = asked;
    let Some(under_way) = under_way else {
        let many = format!("very many requests are under way, and of this connection more than {FEW_REQUESTS}");
        return Ok(Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail(many)
            .into_response());
    };
    request.extensions_mut().insert(connection.clone());
    let response = tokio::select! {
        biased;
        // HTTP/2 streams are tasks of their own and do not end with the connection's: end them here.
        () = connection.cancelled() => Err(Cut),
        response = router.oneshot(request.map(Body::new)) => {
            let response: Result<Response, Infallible> = response;
            response.map_err(|never| match never {})
        }
    }?;
    let comes_by_itself = response.extensions().get::<ComesByItself>().is_some();
    Ok(response.map(|body| Body::new(Answered::new(body, comes_by_itself, connection, &waiting, under_way))))
}

/// Errors of the one connection that was to be accepted, not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
