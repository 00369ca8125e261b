//! YAML that remembers where each part was written.
//!
//! `marked-yaml` reads; [`Node`] is the tree in which axes are replaced; [`from_node`] turns it into typed values through
//! serde, with the place of what does not fit.

mod de;
mod error;
mod expanded;
mod node;
mod parts;
mod place;
mod syntax;

pub(crate) use de::ONE_OR_MANY;
pub use de::from_node;
pub use error::Error;
pub(crate) use error::OLD_SPELLINGS;
pub use expanded::check_expanded;
pub use node::{Key, Kind, Node, parse};
pub(crate) use parts::parse_or_tell;
pub use place::At;

use crate::source::{Diagnostic, Source};

/// As something to show.
pub(crate) fn diagnose(source: &Source, errors: Vec<Error>) -> Vec<Diagnostic> {
    errors.into_iter().map(|error| error.diagnose(source)).collect()
}

/// What does not fit in what can be read of a file in which something is no YAML. What it lacks may be in the part that cannot.
pub(crate) fn misfits<T: serde::de::DeserializeOwned>(source: &Source, rest: &Node) -> Vec<Diagnostic> {
    let mut errors = from_node::<T>(rest).err().unwrap_or_default();
    errors.retain(|error| !error.is_missing_in(rest));
    diagnose(source, errors)
}

#[cfg(test)]
mod tests;
