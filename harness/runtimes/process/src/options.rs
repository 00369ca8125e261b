//! What a process backend is told.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use meshkat_envoy::command;
use meshkat_runtime::run::{LOG_LIMIT, default_state_dir};
use meshkat_runtime::{Envoys, RuntimeError};

/// How a [`crate::ProcessBackend`] runs meshes.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// The Envoys to run.
    pub envoys: Envoys<PathBuf>,
    /// How its Envoys are started.
    pub envoy_options: command::Options,
    /// The folder of the services' binaries: `pet`, `petstore`, `echo`, `sds` and the others.
    pub services_dir: PathBuf,
    /// The command line of a program that is every service: it is given one more argument, the service's name, before the service's
    /// own. None is that each is a binary of its own in `services_dir`.
    pub services: Option<Vec<OsString>>,
    /// Where runs keep their folders.
    pub state_dir: PathBuf,
    /// Whether a released lease's folder is kept, in `<state_dir>/kept`, when its release names no other place.
    pub keep: bool,
    /// How long a container may take to stop before it is killed, and a removed pod to finish what is in flight.
    pub grace: Duration,
    /// How large a log gets, in bytes, before it is cut; as much again is kept beside it.
    pub log_limit: u64,
    /// The command line of the reaper, which is given one more argument and calls [`meshkat_runtime::run::reaper_main`] with it. None
    /// is no reaper: then `kill -9` of this process leaves folders behind, for [`meshkat_runtime::run::sweep()`], and on other systems
    /// than Linux processes too.
    pub reaper: Option<Vec<OsString>>,
}

impl ProcessOptions {
    /// Options with the default state folder, nothing kept, a grace of five seconds, and no reaper.
    ///
    /// # Errors
    /// When there is no default state folder, as no home directory is known.
    pub fn new(envoys: Envoys<PathBuf>, services_dir: impl Into<PathBuf>) -> Result<Self, RuntimeError> {
        Ok(Self {
            envoys,
            envoy_options: command::Options::default(),
            services_dir: services_dir.into(),
            services: None,
            state_dir: default_state_dir()?,
            keep: false,
            grace: Duration::from_secs(5),
            log_limit: LOG_LIMIT,
            reaper: None,
        })
    }
}
