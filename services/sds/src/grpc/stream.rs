//! One gRPC stream: the protocol's side of it, moved along by requests and changes.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::ControlPlane;
use futures::future::FutureExt as _;
use prost::Message as _;
use tokio::sync::watch;
use tonic::{Request, Status, Streaming};

use super::shared::{Discovery, Responses};
use crate::clients::{ClientReport, NodeName, Observed, Place};
use crate::metrics::Metrics;
use crate::protocol::{Heard, Machine};
use crate::resources::World;
use crate::transport::Transport;

/// How many requests are heard in a row before a response may go out: several that arrive together are answered in the
/// right order, and one that never ends does not keep the others waiting.
const REQUESTS_IN_A_ROW: usize = 64;

/// How long a change waits for requests that were sent before it was made. They come over another connection, and a client
/// that gave up a resource and then had it changed is not to be told of that.
const GRACE: Duration = Duration::from_millis(2);

/// The responses of a stream.
///
/// Each is made when the connection has room for it, and from the resources as they are then. So a client that does not
/// read costs one response and no more, and when it reads again it gets what is true now and not all that once was.
pub(super) fn responses<M: Machine>(
    discovery: &Discovery,
    machine: M,
    transport: Transport,
    request: Request<Streaming<M::Request>>,
) -> Responses<M> {
    let peer = request
        .extensions()
        .get::<meshkat_kit::Connection>()
        .map(|connection| connection.peer().to_string());
    let session = Arc::new(Session {
        transport,
        peer,
        state: Mutex::new(State { node: None, machine }),
    });
    let stream = Stream {
        place: discovery.clients.join(Arc::clone(&session) as _),
        session,
        requests: Some(request.into_inner()),
        world: discovery.cache.watch(),
        stop: discovery.stop.clone(),
        metrics: Arc::clone(&discovery.metrics),
        sender: discovery.sender(),
    };
    stream.metrics.streams().stream(transport, 1);
    Box::pin(futures::stream::unfold(Some(stream), async |stream| {
        let mut stream = stream?;
        match stream.next().await? {
            Ok(response) => Some((Ok(response), Some(stream))),
            Err(status) => Some((Err(status), None)),
        }
    }))
}

struct Stream<M: Machine> {
    session: Arc<Session<M>>,
    /// `None` once the client has said all that it will.
    requests: Option<Streaming<M::Request>>,
    world: watch::Receiver<Arc<World>>,
    stop: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    sender: ControlPlane,
    #[expect(dead_code, reason = "held so that the client is listed")]
    place: Place,
}

/// What of a stream can be seen from outside.
struct Session<M> {
    transport: Transport,
    peer: Option<String>,
    state: Mutex<State<M>>,
}

struct State<M> {
    node: Option<NodeName>,
    machine: M,
}

enum Event<R> {
    Request(Result<Option<R>, Status>),
    Change,
    Stop,
}

impl<M: Machine> Stream<M> {
    async fn next(&mut self) -> Option<Result<M::Response, Status>> {
        loop {
            match self.hear_what_is_there() {
                Ok(()) => {}
                Err(status) => return Some(Err(status)),
            }
            if let Some(response) = self.push() {
                return Some(Ok(response));
            }
            // Nothing is due, and nobody will ask any more.
            self.requests.as_ref()?;
            let heard = match self.wait().await {
                Event::Request(request) => self.hear(request),
                Event::Change => {
                    tokio::time::sleep(GRACE).await;
                    Ok(())
                }
                Event::Stop => Err(Status::unavailable("the discovery service is stopping")),
            };
            if let Err(status) = heard {
                return Some(Err(status));
            }
        }
    }

    async fn wait(&mut self) -> Event<M::Request> {
        let request = async {
            match &mut self.requests {
                Some(requests) => requests.message().await,
                None => std::future::pending().await,
            }
        };
        let mut stopped = pin!(self.stop.wait_for(|stop| *stop));
        tokio::select! {
            _ = &mut stopped => Event::Stop,
            request = request => Event::Request(request),
            changed = self.world.changed() => match changed {
                Ok(()) => Event::Change,
                Err(_) => Event::Stop,
            },
        }
    }

    fn hear_what_is_there(&mut self) -> Result<(), Status> {
        for _ in 0..REQUESTS_IN_A_ROW {
            let Some(requests) = &mut self.requests else { break };
            let Some(request) = requests.message().now_or_never() else {
                break;
            };
            self.hear(request)?;
        }
        Ok(())
    }

    fn hear(&mut self, request: Result<Option<M::Request>, Status>) -> Result<(), Status> {
        let Some(mut request) = request? else {
            self.requests = None;
            return Ok(());
        };
        let transport = self.session.transport;
        let mut state = self.session.state();
        // An Envoy may tell its node once, in the first request, or each time.
        if let Some(node) = M::node(&mut request) {
            state.node.get_or_insert(NodeName {
                id: node.id,
                cluster: node.cluster,
            });
        }
        let heard = state
            .machine
            .receive(request)
            .map_err(|refused| Status::invalid_argument(refused.to_string()))?;
        match heard {
            Heard::Request => {}
            Heard::Stale => self.metrics.streams().stale(transport),
            Heard::Ack { kind, changed } => {
                self.metrics
                    .streams()
                    .ack(transport, kind, changed.map(|changed| changed.elapsed()));
            }
            Heard::Nack { kind, nack } => {
                self.metrics.streams().nack(transport, kind);
                let node = state.node.clone().unwrap_or_default();
                tracing::warn!(
                    node = node.id,
                    cluster = node.cluster,
                    ?kind,
                    "refused: {}",
                    nack.message
                );
            }
        }
        Ok(())
    }

    fn push(&mut self) -> Option<M::Response> {
        let world = Arc::clone(&self.world.borrow_and_update());
        let mut state = self.session.state();
        let State { node, machine } = &mut *state;
        let cluster = node.as_ref().map_or("", |node| &node.cluster);
        let mut push = machine.next(world.view(cluster))?;
        M::sign(&mut push.response, self.sender.clone());
        let bytes = push.response.encoded_len();
        self.metrics.streams().push(self.session.transport, push.kind, bytes);
        tracing::debug!(transport = self.session.transport.name(), kind = ?push.kind, bytes, "pushed");
        Some(push.response)
    }
}

impl<M: Machine> Drop for Stream<M> {
    fn drop(&mut self) {
        self.metrics.streams().stream(self.session.transport, -1);
    }
}

impl<M> Session<M> {
    /// A panic in the protocol ends its own stream, and must not end those who only look at it.
    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Machine> Observed for Session<M> {
    fn report(&self, world: &World) -> ClientReport {
        let state = self.state();
        let node = state.node.clone().unwrap_or_default();
        let topics = state.machine.topics(world.view(&node.cluster));
        ClientReport::new(node, self.transport, self.peer.clone(), topics)
    }
}
