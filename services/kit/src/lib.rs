//! What every service shares: listening, shutdown, identity, tracing, faults.
//!
//! A service is an [`axum::Router`] in an [`App`]. [`serve`] answers with it on a bound listener until it is told to
//! stop; [`launch`] is the whole `main` of a service's binary around that.

mod app;
mod args;
mod connection;
mod faults;
mod identity;
mod json;
mod launch;
mod path;
mod patience;
mod probes;
mod problem;
mod serve;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;

pub use app::{App, router};
pub use args::ServiceArgs;
pub use connection::{Connection, WeakConnection};
pub use faults::{Fault, FaultError, FaultSpec};
pub use identity::{Identity, InvalidInstance, PEER_ADDRESS, SERVED_BY};
pub use json::{BODY_LIMIT, JsonBody, JsonError, from_json, read_body};
pub use launch::{EXIT_ENVIRONMENT, EXIT_USAGE, Shutdown, launch};
pub use path::Segment;
pub use patience::Patience;
pub use probes::Readiness;
pub use problem::Problem;
pub use serve::{GRACE, serve};
