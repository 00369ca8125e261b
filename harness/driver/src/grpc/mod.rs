//! Calls of gRPC: messages in, messages out, and how they ended.

mod call;
mod frame;
mod reflection;

pub use call::GrpcRequest;
pub use reflection::NotDescribed;
