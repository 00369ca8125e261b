//! What every service shares: listening, shutdown, identity, tracing, faults.
//!
//! A service is an [`axum::Router`] in an [`App`]. [`serve`] answers with it on a bound listener until it is told to
//! stop; [`launch`] is the whole `main` of a service's binary around that.

mod answered;
mod app;
mod args;
mod budget;
mod connection;
mod crowd;
mod faults;
mod file;
mod grpc;
mod guard;
mod identity;
mod json;
mod keep;
mod lane;
mod launch;
mod log;
mod memory;
mod owner;
mod path;
mod patience;
mod probes;
mod problem;
mod received;
mod serve;
pub mod shape;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
pub mod trace;

pub use app::{App, router};
pub use args::{ServiceArgs, parse_listen};
pub use budget::{Budget, Kept, Share};
pub use connection::{Connection, Ends, Held, WeakConnection};
pub use crowd::{FEW_REQUESTS, MANY_REQUESTS, MOST_CONNECTIONS};
pub use faults::{Fault, FaultError, FaultSpec};
pub use file::{FILE_LIMIT, read_file, read_text, read_whole};
pub use grpc::{GRPC_MESSAGE_LIMIT, grpc_service, is_grpc};
pub use guard::{Guard, GuardArgs, InvalidGuard, InvalidToken, TOKEN_VARIABLE, Token};
pub use identity::{Identity, InvalidInstance, PEER_ADDRESS, SERVED_BY};
pub use json::{BODY_LIMIT, JsonBody, JsonError, from_json, read_body};
pub use keep::{Log, in_turn, json_length};
pub use launch::{EXIT_ENVIRONMENT, EXIT_USAGE, Shutdown, bind, launch};
pub use path::Segment;
pub use patience::Patience;
pub use probes::Readiness;
pub use problem::Problem;
pub use received::{Head, Noted, Received, joined};
pub use serve::{GRACE, serve, serve_with};
pub use tls::{ClientCertificate, InvalidTls, Tls, TlsArgs, TlsSession};
