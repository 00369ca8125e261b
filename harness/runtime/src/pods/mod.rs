//! The pods of a mesh, whatever runs them: names, addresses, states, who is there, and all that can be done to them.

pub(crate) mod address;
pub(crate) mod addresses;
pub(crate) mod bootstraps;
pub(crate) mod control;
pub(crate) mod drain;
pub(crate) mod driver;
pub(crate) mod entries;
pub(crate) mod handle;
pub(crate) mod lease;
pub(crate) mod partition;
pub(crate) mod release;
pub(crate) mod roster;
