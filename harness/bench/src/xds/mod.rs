//! What `sds` costs, and how soon it tells what has changed.

pub(crate) mod bytes;
pub(crate) mod churn;
pub(crate) mod fanout;
pub(crate) mod hostile;
pub(crate) mod latency;

mod bound;
mod codec;
mod discovery;
mod envoy;
mod hosts;
mod streams;
mod variant;
