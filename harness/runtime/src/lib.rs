//! What all runtimes share: the [`Backend`] trait, which is the one seam between the engine and whatever runs a mesh, and beneath it
//! [`pods`], of which a runtime is made, and [`run`], what a run leaves on disk and how that is cleaned up.
//!
//! The runtimes are crates of their own. [`scripted`] runs nothing at all: it is for tests of whatever holds a lease.

mod backend;
pub mod environment;
mod envoys;
mod error;
mod lease;
mod pod;
pub mod pods;
mod printable;
pub mod run;
pub mod scripted;

pub use backend::Backend;
pub use envoys::{Envoys, LocalEnvoy};
pub use error::{RuntimeError, failed};
pub use lease::{Lease, Released};
pub use meshkat_model::{
    capability::{Capabilities, Capability},
    network::NetworkFault,
};
pub use pod::{ContainerState, InstanceId, Pod, Target, Usage};
pub use printable::Printable;
