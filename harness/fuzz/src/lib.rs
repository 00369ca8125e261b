//! What holds of everything that is read of strangers: one function for each kind of it, which panics where it does not hold.
//!
//! `fuzz/fuzz_targets` gives these functions what a fuzzer makes up, with limits on time and memory; `tests/regressions.rs`
//! gives them all that was ever found, on every ordinary test run. That a function returns at all is the first thing that
//! it asserts: no input makes the code panic. Beyond that, what is accepted is accepted again once it was written, and an
//! error has a place inside of its file.

mod cover;
mod envoy;
mod files;
mod place;
mod reports;
mod runs;
mod scenarios;
mod services;

pub use cover::cover;
pub use envoy::{envoy_config, envoy_says, overlay};
pub use reports::{events, results};
pub use runs::{labels, ledger};
pub use scenarios::{axes, mesh, scenario};
pub use services::{registry, xds_grpc, xds_json, xds_poll};

/// A function of this crate.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its file in `fuzz/fuzz_targets` and of its folders in `fuzz`.
pub const TARGETS: [(&str, Target); 15] = [
    ("axes", axes),
    ("cover", cover),
    ("envoy_config", envoy_config),
    ("envoy_says", envoy_says),
    ("events", events),
    ("labels", labels),
    ("ledger", ledger),
    ("mesh", mesh),
    ("overlay", overlay),
    ("registry", registry),
    ("results", results),
    ("scenario", scenario),
    ("xds_grpc", xds_grpc),
    ("xds_json", xds_json),
    ("xds_poll", xds_poll),
];
