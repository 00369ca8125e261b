//! YAML that remembers where each part was written.
//!
//! `marked-yaml` reads; [`Node`] is the tree in which axes are replaced; [`from_node`] turns it into typed values through
//! serde, with the place of what does not fit.

mod de;
mod error;
mod expanded;
mod node;
mod place;
mod syntax;

pub(crate) use de::ONE_OR_MANY;
pub use de::from_node;
pub use error::Error;
pub use expanded::check_expanded;
pub use node::{Key, Kind, Node, parse};
pub use place::At;

use crate::source::{Diagnostic, Source};

/// As something to show.
pub(crate) fn diagnose(source: &Source, errors: Vec<Error>) -> Vec<Diagnostic> {
    errors.into_iter().map(|error| error.diagnose(source)).collect()
}

#[cfg(test)]
mod tests;
