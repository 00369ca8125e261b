//! The discovery protocol as its specification says it, without a network: what a stream has heard goes in, what is due
//! comes out.

mod delta;
mod exchange;
mod session;
mod sotw;
mod subscription;
#[cfg(test)]
mod tests;
mod topic;
mod warming;

pub(crate) use delta::Delta;
pub(crate) use exchange::LONGEST_MESSAGE;
pub(crate) use session::{Heard, Machine, Scope, TopicStatus};
pub(crate) use sotw::Sotw;
pub(crate) use topic::MOST_NAMES;
