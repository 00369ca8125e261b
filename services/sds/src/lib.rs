//! The discovery service: a registry of services and their hosts, and the ways in which Envoys ask for them.
//!
//! A request is read by `http`, the registry holds what is true, and `discovery` puts it into Envoy's words. A service
//! that was never registered is left out of answers, so that an Envoy keeps what it has; one whose hosts were set to none
//! is an explicit empty assignment.

mod discovery;
mod host;
mod http;
mod metrics;
mod name;
mod registry;
mod state;

use std::future::Future;
use std::io;
use std::sync::Arc;

use meshkat_kit::{App, Identity, Readiness};
use tokio::net::TcpListener;

pub use host::{Host, Hosts, InvalidHosts, Service, Tags};
pub use name::{InvalidName, ServiceName};
pub use registry::{Change, Outcome, Registry, RegistryError, Snapshot};
pub use state::StateError;

/// Serves `registry` on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// It is ready from the start: a registry has been read whole before it can be given.
///
/// # Errors
/// The listener cannot be served.
pub async fn run(
    listener: TcpListener,
    identity: Identity,
    registry: Arc<Registry>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let metrics = Arc::new(metrics::Metrics::default());
    let routes = http::routes(&registry, &metrics);
    let app = App::new(identity, routes)
        .readiness(Readiness::ready())
        .metrics(move || metrics.text(&registry.snapshot()));
    meshkat_kit::serve(listener, app, shutdown).await
}
