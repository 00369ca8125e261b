//! The discovery service: a registry of services and their hosts, and the ways in which Envoys ask for them.
//!
//! The `store` holds which hosts a service has and all that Envoys are told: the services as endpoints, and what was written over
//! `/xds/v3`, as `resources`. Envoys that poll are answered by `http` in the words of `discovery`;
//! Envoys that hold a stream are served by `grpc`, which says what `protocol` finds to be due. A service that was never
//! registered is left out of answers, so that an Envoy keeps what it has; one whose hosts were set to none
//! is an explicit empty assignment.
//!
//! In the place of what is registered there may be the services of Kubernetes: see [`run_kubernetes`].

mod clients;
mod command;
pub mod config;
mod discovery;
mod faults;
mod grpc;
mod host;
mod http;
mod kubernetes;
mod metrics;
mod name;
mod protocol;
mod resources;
mod store;
mod text;
mod transport;
pub mod wire;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use meshkat_kit::{App, Guard, Identity, Readiness};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use faults::Faults;
use grpc::Discovery;
use kubernetes::{Gate, Status};

/// The longest head of a request, in bytes. An Envoy's has some hundred.
const LONGEST_HEAD: u32 = 16 << 10;

pub use command::main;
pub use host::{Health, Host, Hosts, InvalidHosts, Service, Tags};
pub use kubernetes::{AccessError, EnvoyPort, InvalidPort, Kubernetes, KubernetesSettings, Pace};
pub use name::{InvalidName, ServiceName};
pub use store::{Change, Outcome, StateError, Store, StoreError};

/// Serves `store` on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// It is ready from the start: a store has been read whole before it can be given.
///
/// # Errors
/// The listener cannot be served.
pub async fn run(
    listener: TcpListener,
    identity: Identity,
    store: Arc<Store>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    run_with(listener, identity, store, Options::default(), shutdown).await
}

/// What is off unless asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Serve `/xds/v3/faults` and `/faults`, over which discovery, or all of the service, can be made to fail on purpose.
    pub allow_faults: bool,
}

/// The same with options.
///
/// # Errors
/// The listener cannot be served.
pub async fn run_with(
    listener: TcpListener,
    identity: Identity,
    store: Arc<Store>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve(listener, identity, store, None, options, shutdown).await
}

/// The same, with the services of Kubernetes in the place of a store, and nobody else to write them.
///
/// It is ready once all EndpointSlices were listed; until then no discovery request is answered. From then on it serves
/// what it last knew, whatever becomes of the API server.
///
/// # Errors
/// The listener cannot be served.
pub async fn run_kubernetes(
    listener: TcpListener,
    identity: Identity,
    kubernetes: Kubernetes,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let store = Arc::new(Store::of_kubernetes(kubernetes.names()));
    let status = Arc::<Status>::default();
    let readiness = kubernetes::readiness(&status);
    // Ends with this function, whichever way it ends.
    let mut following = JoinSet::new();
    following.spawn(kubernetes.follow(Arc::clone(&store), Arc::clone(&status), readiness.clone()));
    let source = Some((status, readiness));
    tokio::select! {
        served = serve(listener, identity, store, source, options, shutdown) => served,
        _ = following.join_next() => Err(io::Error::other("Kubernetes is not followed any more")),
    }
}

async fn serve(
    listener: TcpListener,
    identity: Identity,
    store: Arc<Store>,
    source: Option<(Arc<Status>, Readiness)>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let metrics = Arc::new(metrics::Metrics::new(
        source.as_ref().map(|(status, _)| Arc::clone(status)),
    ));
    let clients = Arc::new(clients::Clients::default());
    let (stop, stopped) = watch::channel(false);
    let faults = Faults::new(options.allow_faults, Arc::clone(&metrics));
    let streams = Discovery::new(
        Arc::clone(&store),
        Arc::clone(&clients),
        Arc::clone(&metrics),
        faults.clone(),
        stopped.clone(),
        identity.instance(),
    );
    let mut routes = http::routes(&store, &metrics, &clients, &faults, identity.guard()).merge(
        // Secrets are told there, and no page of a browser has anything to ask.
        grpc::routes(&streams).route_layer(from_fn_with_state(identity.guard().clone(), Guard::keep_pages_out)),
    );
    let mut ready = Readiness::ready();
    if let Some((status, readiness)) = source {
        routes = routes.layer(from_fn_with_state(Gate::new(status, stopped), kubernetes::pass));
        ready = readiness;
    }
    let app = App::new(identity, routes)
        .faults(options.allow_faults)
        .strangers_apart()
        .longest_head(LONGEST_HEAD)
        .readiness(ready)
        .metrics(move || metrics.text(&store.world()));
    let shutdown = async move {
        shutdown.await;
        // Streams never finish by themselves.
        stop.send_replace(true);
    };
    meshkat_kit::serve(listener, app, shutdown).await
}
