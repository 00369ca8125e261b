//! A store and its pets. The pets are asked of `pet`, only ever through the pod's own Envoy.

mod api;
mod command;
mod egress;
mod pets;
mod stores;

use std::future::Future;
use std::io;
use std::sync::Arc;

use meshkat_kit::{App, Identity};
use tokio::net::TcpListener;

pub use command::main;
pub use egress::{Egress, InvalidEgress};
pub use pets::{CONNECT_TIMEOUT, LONGEST_ANSWER, MOST_PETS, TOTAL_TIMEOUT};

/// Serves the stores on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// `egress` is the Envoy through which `pet` is reached. If the listener has an address of its own within 127.0.0.0/8,
/// as every pod of the process runtime has, then Envoy is called from that address too.
///
/// # Errors
/// The listener cannot be served, or no client can be made.
pub async fn run(
    listener: TcpListener,
    identity: Identity,
    egress: Egress,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let source = pets::source_address(listener.local_addr()?.ip());
    let pets = Arc::new(pets::Pets::new(egress, source).map_err(io::Error::other)?);
    meshkat_kit::serve(listener, App::new(identity, api::routes(pets)), shutdown).await
}
