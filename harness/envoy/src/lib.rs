//! Envoy itself: find or fetch the binary, read and rebind its configuration, ask its admin interface.
//!
//! ```no_run
//! use meshkat_envoy::{binary, config::Bootstrap};
//!
//! let request = binary::Request::from_environment(Some("1.40".to_owned()))?;
//! let envoy = binary::locate(&request, &mut std::io::stderr())?;
//! let pet = Bootstrap::read("envoy-configs/pet.yaml".as_ref())?;
//! meshkat_envoy::config::Validator::new(&envoy.path).validate(&pet)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod access;
pub mod admin;
pub mod binary;
pub mod certificates;
pub mod command;
pub mod config;
mod sandbox;

pub use sandbox::Sandbox;
