//! gRPC as a client knows it: its statuses, and messages by their descriptors.

mod code;
mod schema;

pub use code::Code;
pub use schema::{Method, Schema, Unknown};
