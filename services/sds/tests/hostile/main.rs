//! Clients that send anything at all: every request is answered, nothing panics, and a healthy client never notices.

mod grpc;
mod json;
mod mutation;
mod server;
