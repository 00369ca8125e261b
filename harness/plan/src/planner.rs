//! How a plan is made.

use meshkat_model::capability::Capabilities;

use crate::{expected::Expected, sharing::Sharing};

/// In which order meshes start, and cases run on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The mesh that is expected to take the longest first, so that no long one is left for the end.
    Longest,
    /// As the cases are given.
    Written,
    /// At random, from this seed.
    Random(u64),
}

/// How a plan is made.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// What the runtime can do.
    pub capabilities: &'a Capabilities,
    /// What things are expected to take.
    pub expected: &'a Expected,
    /// Which cases may share a mesh.
    pub sharing: Sharing,
    /// What comes first.
    pub order: Order,
    /// How many meshes run at the same time: cases that could all share one mesh have several where one would run when all
    /// others have ended.
    pub jobs: usize,
}
