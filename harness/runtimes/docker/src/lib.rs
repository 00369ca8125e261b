//! Meshes of containers. A pod is three of them in one network, as in Kubernetes: a sandbox that holds the network, the
//! application and Envoy.
//!
//! Everything that a run makes has its label, and the run's folder is made before the first of it: the lease removes it,
//! or the reaper when this process was killed ([`meshkat_runtime::run::reaper_main`]), or a later
//! [`meshkat_runtime::run::sweep()`].

mod api;
mod backend;
mod capability;
mod compose;
mod container;
mod core;
mod daemon;
mod driver;
mod image;
mod labels;
mod launch;
mod limits;
mod options;
mod probe;
mod reach;
mod remove;
mod sandbox;
mod subnets;

pub use backend::DockerBackend;
pub use capability::{condition, missing};
pub use compose::{Compose, Exported};
pub use daemon::version;
pub use image::{Images, remove_images};
pub use options::DockerOptions;
pub use reach::{REACH, Reach};
pub use remove::{DockerSweeper, run_of};
pub use subnets::{SUBNETS, Subnets};
