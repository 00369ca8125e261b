//! The pods of a mesh, whatever runs them: their names, their addresses, and who is there.

pub(crate) mod addresses;
pub(crate) mod bootstraps;
pub(crate) mod drain;
pub(crate) mod members;
pub(crate) mod release;
pub(crate) mod roster;
