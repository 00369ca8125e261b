//! Covering arrays, held to an independent check of what they promise.

mod check;
mod files;
mod properties;
mod scenarios;
mod sizes;
#[path = "../support/mod.rs"]
mod support;
