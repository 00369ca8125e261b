//! Runs a plan on a backend and tells what happened as events.
//!
//! [`run`] is the dispatcher: it owns the order of events. Each mesh of the plan has one [`group`] that brings it up, runs
//! its cases one after the other, and gives it back. What only a running mesh knows is behind [`mesh::RunningMesh`].

mod attempt;
mod bundle;
mod case;
mod culprit;
mod diagnose;
mod group;
mod held;
mod invariants;
mod machine;
pub mod mesh;
mod options;
mod room;
mod run;
mod schedule;
mod sink;
mod steps;
mod wait;

pub use held::{Came, HeldMesh, NotUp};
pub use machine::Watch;
pub use options::{CulpritOptions, Jobs, Keep, RunOptions};
pub use run::{Summary, run};
