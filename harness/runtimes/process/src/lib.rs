//! Meshes of plain processes, each pod on a loopback address of its own. Needs neither root nor Docker.
//!
//! Nothing of a mesh outlives it: its processes die with the one that started them, its block of addresses is freed by
//! the kernel when the last of them is gone, and what is on disk is removed by the lease, by the reaper
//! ([`meshkat_runtime::run::reaper_main`]) when this process was killed, or by a later [`meshkat_runtime::run::sweep()`] when
//! the reaper was killed too.
//!
//! Pods have addresses in 127.64.0.0 to 127.126.255.255. Linux answers on all of them. macOS answers on 127.0.0.1 alone
//! until the others are added by hand (`sudo ifconfig lo0 alias 127.64.0.1 up`), which the error tells;
//! there, too, processes do not die by themselves with the one that started them, and the reaper ends them.

mod backend;
mod block;
mod container;
mod core;
mod driver;
mod options;
mod prepare;
mod spawner;

pub use backend::{ProcessBackend, capabilities};
pub use block::LOCK_PORT;
pub use options::ProcessOptions;
