//! One gRPC stream: the protocol's side of it, moved along by requests and changes.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::ControlPlane;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use futures::future::FutureExt as _;
use meshkat_kit::{Connection, WeakConnection};
use prost::Message as _;
use tokio::sync::watch;
use tonic::Status;

use super::named::Part;
use super::requests::{Call, Requests};
use super::responses::Responses;
use super::shared::Discovery;
use crate::clients::{ClientReport, NodeName, Observed, Place};
use crate::faults::{End, Gate, Pass};
use crate::metrics::Metrics;
use crate::protocol::{Delta, RequestOutcome, Scope, Sotw, Variant, XdsStream};
use crate::store::World;
use crate::transport::Transport;

/// How many requests are heard in a row before a response may go out: several that arrive together are answered in the
/// right order, and one that never ends does not keep the others waiting.
const REQUESTS_IN_A_ROW: usize = 64;

/// How long a change waits for requests that were sent before it was made. They come over another connection, and a client
/// that gave up a resource and then had it changed is not to be told of that.
const GRACE: Duration = Duration::from_millis(2);

impl Discovery {
    pub(super) fn sotw(&self, scope: Scope, call: Call<DiscoveryRequest>) -> Responses<DiscoveryResponse> {
        responses(self, Sotw::new(scope, self.number()), Transport::sotw(scope), call)
    }

    pub(super) fn delta(&self, scope: Scope, call: Call<DeltaDiscoveryRequest>) -> Responses<DeltaDiscoveryResponse> {
        responses(self, Delta::new(scope, self.number()), Transport::delta(scope), call)
    }
}

/// The responses of a stream.
///
/// Each is made when the connection has room for it, and from the resources as they are then. So a client that does not
/// read costs one response and no more, and when it reads again it gets what is true now and not all that once was.
fn responses<V: Variant>(
    discovery: &Discovery,
    stream: XdsStream<V>,
    transport: Transport,
    call: Call<V::Request>,
) -> Responses<V::Response> {
    let Call { connection, requests } = call;
    let peer = connection.as_ref().map(|connection| connection.peer().to_string());
    let to_cut = connection.as_ref().map(Connection::downgrade);
    let cut = move || {
        if let Some(connection) = to_cut.as_ref().and_then(WeakConnection::upgrade) {
            connection.cut_now();
        }
    };
    let session = Arc::new(Session {
        transport,
        peer,
        state: Mutex::new(State { node: None, stream }),
    });
    let stream = Stream {
        place: discovery.clients.join(Arc::clone(&session) as _),
        session,
        gate: Gate::new(&discovery.faults, connection, transport),
        requests: Some(requests),
        world: discovery.store.watch(),
        stop: discovery.stop.clone(),
        metrics: Arc::clone(&discovery.metrics),
        sender: discovery.sender(),
        named: discovery.named.join(cut),
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

struct Stream<V: Variant> {
    session: Arc<Session<V>>,
    gate: Gate,
    /// `None` once the client has said all that it will.
    requests: Option<Requests<V::Request>>,
    world: watch::Receiver<Arc<World>>,
    stop: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    sender: ControlPlane,
    named: Part,
    #[expect(dead_code, reason = "held so that the client is listed")]
    place: Place,
}

/// What of a stream can be seen from outside.
struct Session<V> {
    transport: Transport,
    peer: Option<String>,
    state: Mutex<State<V>>,
}

struct State<V> {
    node: Option<NodeName>,
    stream: XdsStream<V>,
}

enum Event<R> {
    Request(Result<Option<R>, Status>),
    /// Of the resources, or of the fault in force.
    Change,
    Stop,
    /// Its names take too much of what there is for all.
    TooMuch,
}

fn too_much() -> Status {
    Status::resource_exhausted("there is no room for the names of all streams, and this one has the most")
}

impl<V: Variant> Stream<V> {
    async fn next(&mut self) -> Option<Result<V::Response, Status>> {
        loop {
            if let Err(status) = self.hear_what_is_there() {
                return Some(Err(status));
            }
            if self.named.has_ended() {
                return Some(Err(too_much()));
            }
            // One look for both: what changes between them must not slip past a fault.
            let world = Arc::clone(&self.world.borrow_and_update());
            let pass = match self.pass(&world) {
                Ok(pass) => pass,
                Err(End::Refused(status)) => return Some(Err(status)),
                Err(End::Cut(connection)) => return self.cut(connection).await,
            };
            if pass == Pass::Now {
                if let Some(response) = self.push(world) {
                    return Some(Ok(response));
                }
                if self.gate.is_releasing() {
                    self.gate.released();
                    continue;
                }
                // Nothing is due, and nobody will ask any more.
                self.requests.as_ref()?;
            }
            let heard = match self.wait(pass).await {
                Event::Request(request) => self.hear(request),
                Event::Change => {
                    tokio::time::sleep(GRACE).await;
                    Ok(())
                }
                Event::Stop => Err(Status::unavailable("the discovery service is stopping")),
                Event::TooMuch => Err(too_much()),
            };
            if let Err(status) = heard {
                return Some(Err(status));
            }
        }
    }

    /// Whether a response may go out, as far as faults are concerned.
    fn pass(&mut self, world: &Arc<World>) -> Result<Pass, End> {
        let node = self.session.state().node.clone();
        self.gate.pass(node.as_ref(), |gate| {
            let seen = gate.look(node.as_ref(), Arc::clone(world));
            let mut stream = self.session.state().stream.clone();
            let cluster = node.as_ref().map_or("", |node| &node.cluster);
            stream.next(seen.view(cluster)).is_some()
        })
    }

    /// Takes the connection away, and ends with it: nothing more is said.
    async fn cut<T>(&mut self, connection: Option<Connection>) -> Option<T> {
        connection?.cut_now();
        while let Some(requests) = &mut self.requests {
            if !matches!(requests.message().await, Ok(Some(_))) {
                self.requests = None;
            }
        }
        // Whoever asks for a response is gone with the connection.
        std::future::pending().await
    }

    async fn wait(&mut self, pass: Pass) -> Event<V::Request> {
        let request = async {
            match &mut self.requests {
                Some(requests) => requests.message().await,
                None => std::future::pending().await,
            }
        };
        let until = async {
            match pass {
                Pass::At(at) => tokio::time::sleep_until(at).await,
                Pass::Now | Pass::Never => std::future::pending().await,
            }
        };
        let mut stopped = pin!(self.stop.wait_for(|stop| *stop));
        let happens = async {
            tokio::select! {
            _ = &mut stopped => Event::Stop,
            request = request => Event::Request(request),
            changed = self.world.changed() => match changed {
                Ok(()) => Event::Change,
                Err(_) => Event::Stop,
            },
            () = self.gate.changed() => Event::Change,
            () = until => Event::Change,
            }
        };
        self.named.unless_ended(happens).await.unwrap_or(Event::TooMuch)
    }

    fn hear_what_is_there(&mut self) -> Result<(), Status> {
        if self.gate.is_releasing() {
            return Ok(());
        }
        for _ in 0..REQUESTS_IN_A_ROW {
            let Some(requests) = &mut self.requests else { break };
            let Some(request) = requests.message().now_or_never() else {
                break;
            };
            self.hear(request)?;
        }
        Ok(())
    }

    fn hear(&mut self, request: Result<Option<V::Request>, Status>) -> Result<(), Status> {
        let Some(mut request) = request? else {
            self.requests = None;
            return Ok(());
        };
        let transport = self.session.transport;
        let mut state = self.session.state();
        let before = state.stream.weight();
        // An Envoy may tell its node once, in the first request, or each time.
        if let Some(node) = V::node(&mut request) {
            let node = state.node.get_or_insert_with(|| NodeName::new(&node.id, &node.cluster));
            self.gate.belongs_to(Some(node));
        }
        let heard = state
            .stream
            .receive(request)
            .map_err(|refused| Status::invalid_argument(refused.to_string()))?;
        let weight = state.stream.weight();
        if weight != before {
            self.named.take(weight.memory());
        }
        match heard {
            RequestOutcome::Request => {}
            RequestOutcome::Stale => self.metrics.streams().stale(transport),
            RequestOutcome::Ack { kind, changed } => {
                self.gate.proven();
                self.metrics
                    .streams()
                    .ack(transport, kind, changed.map(|changed| changed.elapsed()));
            }
            RequestOutcome::Nack { kind, nack } => {
                self.metrics.streams().nack(transport, kind);
                let node = state.node.clone().unwrap_or_default();
                tracing::warn!(
                    node = node.id,
                    cluster = node.cluster,
                    ?kind,
                    said = nack.message,
                    "refused"
                );
            }
        }
        Ok(())
    }

    fn push(&mut self, world: Arc<World>) -> Option<V::Response> {
        let mut state = self.session.state();
        let State { node, stream } = &mut *state;
        let cluster = node.as_ref().map_or("", |node| &node.cluster);
        let seen = self.gate.look(node.as_ref(), world);
        let before = stream.weight();
        let push = stream.next(seen.view(cluster));
        let weight = stream.weight();
        if weight != before {
            self.named.take(weight.memory());
        }
        let mut push = push?;
        if push.kind.is_some() {
            self.gate.pushed(&seen);
        }
        V::sign(&mut push.response, self.sender.clone());
        let bytes = push.response.encoded_len();
        self.metrics.streams().push(self.session.transport, push.kind, bytes);
        tracing::debug!(transport = self.session.transport.name(), kind = ?push.kind, bytes, "pushed");
        Some(push.response)
    }
}

impl<V: Variant> Drop for Stream<V> {
    fn drop(&mut self) {
        self.metrics.streams().stream(self.session.transport, -1);
    }
}

impl<V> Session<V> {
    /// A panic in the protocol ends its own stream, and must not end those who only look at it.
    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Variant> Observed for Session<V> {
    fn report(&self, world: &World) -> ClientReport {
        let state = self.state();
        let node = state.node.clone().unwrap_or_default();
        let topics = state.stream.topics(world.view(&node.cluster));
        ClientReport::new(node, self.transport, self.peer.clone(), topics)
    }
}
