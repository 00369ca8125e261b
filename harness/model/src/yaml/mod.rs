//! YAML that remembers where each part was written.
//!
//! `marked-yaml` reads; [`Node`] is the tree in which axes are replaced; [`from_node`] turns it into typed values through
//! serde, with the place of what does not fit.

mod de;
mod node;
mod place;

pub(crate) use de::ONE_OR_MANY;
pub use de::{Error, from_node};
pub use node::{Key, Kind, Node, parse};
pub use place::At;
