//! Axes to cases to shared meshes to an order. Pure: the same files and the same selection give the same plan.

mod chain;
mod chosen;
mod coverage;
pub mod culprit;
mod expand;
mod expected;
mod given;
mod group;
mod member;
mod planner;
mod problem;
mod route;
mod select;
mod shape;
mod shard;
mod sharing;
mod skip;

pub use chosen::chosen;
pub use coverage::Coverage;
pub use expand::{Expanded, case_of_id, expand, expand_or_choose};
pub use expected::{Expected, Time};
pub use group::{Between, Plan, PlannedMesh};
pub use planner::{Order, Planner};
pub use select::{Selection, Unmatched};
pub use shard::{Shard, shards};
pub use sharing::Sharing;
pub use skip::{Reason, Skipped, by_cause, why_not};
