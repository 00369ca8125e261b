//! What runs a mesh: the [`Backend`] trait, the one seam between the engine and a runtime, and its implementations.
//!
//! - [`process`]: plain processes on loopback addresses; needs neither root nor Docker.
//! - [`docker`]: containers, with networks that can be cut.
//! - [`scripted`]: nothing runs at all; for tests of whatever holds a lease.

mod backend;
pub mod docker;
mod environment;
mod envoys;
mod error;
mod lease;
mod pod;
mod pods;
mod printable;
pub mod process;
pub mod run;
pub mod scripted;

pub use backend::Backend;
pub use environment::RUN;
pub use envoys::{Envoys, LocalEnvoy};
pub use error::RuntimeError;
pub use lease::{Lease, Released};
pub use meshkat_model::{
    capability::{Capabilities, Capability},
    network::NetworkFault,
};
pub use pod::{ContainerState, InstanceId, Pod, Target};
pub use printable::Printable;
