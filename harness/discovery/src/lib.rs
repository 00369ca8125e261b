//! A client of the discovery service, as any user's would be: over its HTTP interface, with types of its own.

mod client;
mod clients;
mod error;
mod kind;
mod registry;
mod resources;
mod transport;

pub use client::DiscoveryClient;
pub use clients::{Client, Clients, Nack, Node, Subscription};
pub use error::DiscoveryError;
pub use kind::Kind;
pub use registry::{Host, Service, Services, Tags};
pub use resources::Answer;
pub use transport::Transport;
