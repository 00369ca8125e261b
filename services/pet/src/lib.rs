//! The pets of a store: a REST API over a fixed set of pets, which depends on nobody.

mod api;
mod command;
mod pets;

use std::future::Future;
use std::io;

use meshkat_kit::{App, Identity};
use tokio::net::TcpListener;

pub use command::main;
pub use pets::{PETS, Pet, STORES};

/// Serves the pets on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// # Errors
/// The listener cannot be served.
pub async fn run(listener: TcpListener, identity: Identity, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    meshkat_kit::serve(listener, App::new(identity, api::routes()), shutdown).await
}
