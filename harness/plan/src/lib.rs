//! Axes to cases to shared meshes to an order. Pure: the same files and the same selection give the same plan.

pub mod cover;
mod coverage;
pub mod culprit;
mod expand;
mod given;
mod group;
mod select;
mod shard;
mod skip;

pub use coverage::{Coverage, chosen};
pub use expand::expand;
pub use group::{Plan, PlannedMesh, plan};
pub use select::{Selection, Unmatched};
pub use shard::{Shard, in_shard};
pub use skip::{Reason, Skipped, by_cause, why_not};
