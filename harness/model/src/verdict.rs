//! Expectations held against what was seen: pure, with expected, actual, and the line that asked.

mod answer;
mod bytes;
mod checks;
mod disturbance;
mod envoy;
mod grpc;
mod logged;
mod received;
mod split;
mod stats;
mod text;
mod unmet;
mod websocket;
mod window;

pub use answer::{answer, response, response_undecided, took_part};
pub use bytes::{raw, raw_undecided, tcp, tcp_undecided};
pub use checks::{Check, Surroundings, expressions};
pub use disturbance::{Disturbance, Queue, Undecided, unseen};
pub use envoy::envoy;
pub use grpc::{grpc, grpc_took_part, grpc_undecided};
pub use logged::logged;
pub use received::received;
pub use unmet::Unmet;
pub use websocket::{websocket, websocket_undecided};
pub use window::{window, window_may_be_of_limits, window_undecided};

#[cfg(test)]
mod tests;
