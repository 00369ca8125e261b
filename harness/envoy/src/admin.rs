//! An Envoy's admin interface: what it says about itself.

mod client;
mod clusters;
mod listeners;
mod stats;

pub use client::{Admin, AdminError, LONGEST_ANSWER, Ready};
pub use clusters::{Cluster, Clusters, Host, HostHealth};
pub use stats::{Stat, Stats};
