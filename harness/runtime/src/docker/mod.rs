//! Meshes of containers. A pod is three of them in one network, as in Kubernetes: a sandbox that holds the network, the
//! application and Envoy.
//!
//! Everything that a run makes has its label, and the run's folder is made before the first of it: the lease removes it,
//! or the reaper when this process was killed ([`crate::run::reaper_main`]), or a later [`crate::run::sweep()`].

mod able;
mod backend;
mod compose;
mod container;
mod cut;
mod daemon;
mod image;
mod labels;
mod launch;
mod lease;
mod limits;
mod mark;
mod options;
mod outside;
mod reach;
pub(crate) mod remove;
mod sandbox;
mod slot;
mod subnets;

pub use able::condition;
pub use backend::DockerBackend;
pub use compose::{Compose, Exported};
pub(crate) use daemon::HOST;
pub use daemon::version;
pub use image::{Images, remove_images};
pub use options::DockerOptions;
pub use outside::{Harm, harm};
pub use reach::{REACH, Reach};
pub use remove::run_of;
pub use subnets::{SUBNETS, Subnets};
