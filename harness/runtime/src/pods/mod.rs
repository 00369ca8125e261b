//! The pods of a mesh, whatever runs them: names, addresses, states, who is there, and all that can be done to them. What is public is
//! what a runtime is made of: its part is a [`Driver`], and [`PodLease`] does the rest.

pub(crate) mod address;
mod addresses;
pub(crate) mod bootstraps;
mod control;
mod drain;
pub(crate) mod driver;
mod entries;
mod handle;
pub(crate) mod lease;
pub(crate) mod partition;
mod programs;
mod release;
mod roster;

pub use address::{PodAddress, PodName, hosts};
pub use addresses::Addresses;
pub use bootstraps::{Bootstraps, Configuration, write_files};
pub use driver::{Driver, DriverContainer, Ended, Life, Look, Order};
pub use lease::{NewMesh, PodLease};
pub use partition::Network;
pub use programs::{ProgramPlace, StartedProgram, started};
