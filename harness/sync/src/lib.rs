//! Whether Envoys have what the discovery service intends for them, and in words where they have not.
//!
//! Data in, rows out: what the discovery service tells of its clients ([`meshkat_discovery::Clients`]) and of the resources that
//! it intends ([`Intended`]), and what each Envoy has ([`Live`]). Nothing here asks anybody.

mod asks;
mod compare;
mod endpoints;
mod exchange;
mod intended;
mod judge;
mod live;
mod log;
mod resources;
mod row;
mod sensitive;
#[cfg(test)]
mod tests;
mod topic;

pub use intended::{Intended, Question};
pub use judge::{Answer, Look, Pod, rows, wanted};
pub use live::{Live, STATS};
pub use log::rejections;
pub use row::{Resource, Row, Status};
pub use topic::Topic;
