//! The discovery protocol over real gRPC streams: every rule, in every variant, for every type.

#[path = "../common/mod.rs"]
mod common;

mod aggregated;
mod back;
mod client;
mod delta;
mod faults;
mod load;
mod refused;
mod setting;
mod sotw;
