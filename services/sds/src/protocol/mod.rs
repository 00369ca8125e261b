//! The discovery protocol as its specification says it, without a network: what a stream has heard goes in, what is due
//! comes out.

mod delta;
mod exchange;
mod key;
mod session;
mod sotw;
mod stream;
mod subscription;
#[cfg(test)]
mod tests;
mod topic;
mod warming;
mod weight;

pub(crate) use exchange::{LONGEST_MESSAGE, RequestOutcome};
pub(crate) use session::Scope;
pub(crate) use stream::XdsStream;
pub(crate) use topic::{TopicStatus, Variant};
pub(crate) use weight::MOST_NAMES;

/// A stream of the State-of-the-World variant.
pub(crate) type Sotw = XdsStream<sotw::SentState>;
/// A stream of the delta variant.
pub(crate) type Delta = XdsStream<delta::SentState>;
