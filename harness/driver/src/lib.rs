//! Requests and load: what is sent, and what came of it. No judgement in it.

mod client;
mod connection;
mod dial;
mod grpc;
mod load;
mod lost;
mod peer;
mod pool;
mod raw;
mod read;
mod record;
mod request;
mod sample;
mod slice;
mod stream;
mod streams;
mod tally;
mod tls;
mod verbatim;
mod websocket;
mod wire;

pub use client::{Client, LONGEST_BODY, LONGEST_HEADERS};
pub use grpc::{GrpcRequest, NotDescribed};
pub use load::Load;
pub use raw::{Await, RawRequest, TcpRequest, Until};
pub use read::{ReadError, read_all};
pub use record::Progress;
pub use request::{Request, Route};
pub use tally::{Sent, Tally};
pub use tls::{Tls, TlsProblem, TlsSettings};
pub use websocket::{Talk, Wanted};
