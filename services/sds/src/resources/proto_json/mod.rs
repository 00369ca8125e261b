//! proto3 JSON as Envoy reads and writes it, which differs from the library's in what an `Any` may be.
//!
//! The library reads a message, and each `Any` is done here: what it holds is read first, and the bytes of that are put in
//! its place.

mod any;
mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;
