//! Requests and load: what is sent, and what came of it. No judgement in it.

mod client;
mod load;
mod read;
mod record;
mod slice;

pub use client::{Client, LONGEST_BODY, LONGEST_HEADERS, Request, Route};
pub use load::Load;
pub use read::{ReadError, read_all};
pub use record::Progress;
