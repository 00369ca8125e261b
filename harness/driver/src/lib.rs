//! Requests and load: what is sent, and what came of it. No judgement in it.

mod client;
mod connection;
mod gaps;
mod jar;
mod load;
mod lost;
mod peer;
mod pool;
mod read;
mod record;
mod request;
mod sample;
mod schedule;
mod stream;
mod streams;
mod sum;
mod tally;
mod timeline;
mod tls;
mod verbatim;

pub use client::{Client, LONGEST_BODY, LONGEST_HEADERS};
pub use jar::Jar;
pub use load::{Load, Pace};
pub use read::{ReadError, read_all};
pub use record::Progress;
pub use request::{Request, Route};
pub use schedule::{Schedule, Stage};
pub use tally::{Sent, Tally};
pub use tls::{Tls, TlsProblem, TlsSettings};
