//! Kubernetes as the source, against a scripted API server.

#[expect(dead_code, reason = "no registry is served here")]
#[path = "../common/mod.rs"]
mod common;

mod api;
mod binary;
mod outages;
mod passed;
mod services;
mod setting;
mod start;
mod streams;
