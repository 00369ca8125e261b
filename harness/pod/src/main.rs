//! `meshkat-pod`: the program inside the containers of a pod.
//!
//! A pod is a few containers in one network namespace: a sandbox that holds the namespace, the application, and Envoy.

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod envoy;
#[cfg(target_os = "linux")]
mod net;
#[cfg(target_os = "linux")]
mod sandbox;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    args::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    use std::io::Write as _;

    drop(writeln!(std::io::stderr(), "meshkat-pod runs on Linux alone"));
    ExitCode::from(2)
}
