//! The surfaces over gRPC: each type on its own, and all of them aggregated; State of the World and delta.
//!
//! The messages on the wire are framed here and not by a generated server. That one keeps, for as long as a stream is open,
//! a buffer as long as the longest request and one as long as the longest response: an Envoy's first request has 61 kB,
//! and a stream is open for days.

mod methods;
mod named;
mod requests;
mod responses;
mod shared;
mod stream;

pub(crate) use methods::routes;
pub(crate) use requests::Call;
pub(crate) use shared::Discovery;
