//! The TCP connection that a request came on.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock, Weak};

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::crowd::{Member, UnderWay};
use crate::lane::Standing;
use crate::owner::{Owner, owner};
use crate::patience::{Requests, Working};
use crate::problem::Problem;
use crate::tls::TlsSession;

/// The connection that a request came on: who is at its ends, and the means to cut it.
///
/// [`crate::serve`] puts it into the extensions of every request.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Inner>);

/// A connection that may have ended: what to keep of one that nobody asks on at the moment.
#[derive(Debug, Clone)]
pub struct WeakConnection(Weak<Inner>);

/// Who is at the other end, as it is told to people.
#[derive(Debug, Clone, Serialize)]
pub struct Ends {
    peer: Peer,
    /// Left out where TLS is not spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Arc<TlsSession>>,
}

#[derive(Debug, Clone, Serialize)]
struct Peer {
    address: IpAddr,
    port: u16,
}

/// A connection that is spoken on after the answer, in another protocol: it has its place for as long as this is there.
#[derive(Debug)]
pub struct Held {
    connection: Connection,
    _under_way: UnderWay,
    _working: Working,
    _tracked: TaskTrackerToken,
}

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
    local: SocketAddr,
    cut: CancellationToken,
    /// The service is to stop.
    stop: CancellationToken,
    requests: Requests,
    /// What is spoken on it after an answer.
    held: TaskTracker,
    tls: OnceLock<Arc<TlsSession>>,
    owner: OnceCell<Owner>,
    standing: Arc<Standing>,
    /// Its place among all, once it has one.
    member: OnceLock<Arc<Member>>,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr, cut: CancellationToken, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            peer: canonical(peer),
            local: canonical(local),
            cut,
            stop,
            requests: Requests::default(),
            held: TaskTracker::new(),
            tls: OnceLock::new(),
            owner: OnceCell::new(),
            standing: Arc::new(Standing::new()),
            member: OnceLock::new(),
        }))
    }

    /// This is what it is among all connections.
    pub(crate) fn is(&self, member: Arc<Member>) {
        // It joins once.
        let _ = self.0.member.set(member);
    }

    /// The other end, as this side of the connection sees it.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The address that the peer reached: never a wildcard, even if the service listens on one.
    pub fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// What was agreed upon, where TLS is spoken.
    pub fn tls(&self) -> Option<&TlsSession> {
        self.0.tls.get().map(Arc::as_ref)
    }

    pub(crate) fn speaks_tls(&self, session: TlsSession) {
        // There is one handshake.
        let _ = self.0.tls.set(Arc::new(session));
    }

    /// Who is at the other end, as it is told to people.
    pub fn ends(&self) -> Ends {
        Ends::of(self.0.peer, self.0.tls.get().cloned())
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// Holds the connection for what is spoken on it after the answer. To be called before the answer is given; `None` if there is no
    /// room for one more.
    pub fn hold(&self) -> Option<Held> {
        Some(Held {
            connection: self.clone(),
            _under_way: self.0.member.get()?.begin()?,
            _working: self.0.requests.begin(),
            _tracked: self.0.held.token(),
        })
    }

    /// Resolves when the service is to stop. What ends within [`GRACE`][crate::GRACE] from then on is not cut.
    pub async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    /// Resolves when nobody holds it any more.
    pub(crate) async fn let_go(&self) {
        self.0.held.close();
        self.0.held.wait().await;
    }

    /// Whose the other end is. The system is asked once: a socket stays that of who made it.
    pub(crate) async fn owner(&self) -> Owner {
        let (peer, local) = (self.peer(), self.local());
        let ask = || async move {
            let asked = tokio::task::spawn_blocking(move || owner(peer, local));
            asked.await.unwrap_or(Owner::Unknown)
        };
        *self.0.owner.get_or_init(ask).await
    }

    /// Whoever is at the other end has shown that it means well: it is not kept waiting by those of whom nobody knows.
    pub fn prove(&self) {
        self.0.standing.prove();
        if let Some(member) = self.0.member.get() {
            member.prove();
        }
    }

    pub(crate) fn standing(&self) -> &Arc<Standing> {
        &self.0.standing
    }

    /// Cuts the connection: the peer sees it closed without a response.
    ///
    /// Never returns; the caller is dropped with the connection. Over HTTP/2 every stream of the connection goes too.
    pub async fn cut(&self) -> Infallible {
        self.cut_now();
        std::future::pending().await
    }

    /// The same for somebody who is not answering a request on it.
    pub fn cut_now(&self) {
        self.0.cut.cancel();
    }

    /// What cuts the connection when it is cancelled.
    pub(crate) fn token(&self) -> CancellationToken {
        self.0.cut.clone()
    }

    /// The connection, without keeping it.
    pub fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }

    /// Resolves when the connection is to be cut.
    pub(crate) async fn cancelled(&self) {
        self.0.cut.cancelled().await;
    }
}

impl Held {
    /// Does `work`, unless the connection is cut before it is done.
    pub async fn during(self, work: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = self.connection.cancelled() => {}
            () = work => {}
        }
    }
}

impl Ends {
    pub(crate) fn of(peer: SocketAddr, tls: Option<Arc<TlsSession>>) -> Self {
        let peer = canonical(peer);
        Self {
            peer: Peer {
                address: peer.ip(),
                port: peer.port(),
            },
            tls,
        }
    }
}

impl WeakConnection {
    /// The connection, if it has not ended.
    pub fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(Connection)
    }
}

impl<S: Sync> FromRequestParts<S> for Connection {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail("the request came on no known connection")
        })
    }
}

/// A socket that listens on `[::]` sees an IPv4 peer as `::ffff:a.b.c.d`; people know it as `a.b.c.d`.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
