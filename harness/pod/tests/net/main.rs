//! `meshkat-pod net` against the kernel.
#![cfg(target_os = "linux")]

mod answers;
mod faults;
mod support;
