//! Requests and load: what is sent, and what came of it. No judgement in it.

mod client;
mod load;
mod record;

pub use client::{Client, Request, Route};
pub use load::Load;
