//! The network between this pod and others: faults, and the proof that there are none.
//!
//! All is done in the network namespace that this runs in, by netlink alone. The kernel is what remembers: each thing that
//! is put there bears a mark that it is ours, so that the next `apply` finds it. Nothing of it changes what the pod's own
//! listeners accept from others than the named peers.

mod apply;
mod blackhole;
mod can;
mod error;
mod kernel;
mod netfilter;
mod probe;
mod refuse;
mod routes;
mod scratch;
mod shape;
mod sockets;
mod unreachable;
mod wanted;

pub(crate) use apply::apply;
pub(crate) use can::can;
pub(crate) use error::NetError;
pub(crate) use probe::probe;
