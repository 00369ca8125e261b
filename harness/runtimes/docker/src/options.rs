//! What a Docker backend is told.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meshkat_envoy::command;
use meshkat_runtime::RuntimeError;
use meshkat_runtime::run::default_state_dir;

use crate::reach::Reach;
use crate::subnets::Subnets;

/// How a [`crate::DockerBackend`] runs meshes.
#[derive(Clone)]
pub struct DockerOptions {
    /// How its Envoys are started.
    pub envoy_options: command::Options,
    /// The folder of the services' binaries, and of `meshkat-pod`; built for Linux.
    pub services_dir: PathBuf,
    /// Where runs keep their folders.
    pub state_dir: PathBuf,
    /// Whether a released lease's folder is kept, in `<state_dir>/kept`, when its release names no other place.
    pub keep: bool,
    /// How long a container may take to stop before it is killed, and a removed pod to finish what is in flight.
    pub grace: Duration,
    /// The command line of the reaper, which is given one more argument and calls [`meshkat_runtime::run::reaper_main`] with it. None
    /// is no reaper: then `kill -9` of this process leaves containers behind, for [`meshkat_runtime::run::sweep()`].
    pub reaper: Option<Vec<OsString>>,
    /// Where its networks get their addresses from.
    pub subnets: Subnets,
    /// How this machine reaches pods; none is to find out.
    pub reach: Option<Reach>,
    /// Is told what takes long: the building of images, line by line.
    pub tell: Arc<dyn Fn(&str) + Send + Sync>,
}

impl DockerOptions {
    /// Options with the default state folder, a grace of five seconds, no reaper, and nobody told.
    ///
    /// # Errors
    /// When there is no default state folder, or the environment names addresses or a way that are none.
    pub fn new(services_dir: impl Into<PathBuf>) -> Result<Self, RuntimeError> {
        Ok(Self {
            envoy_options: command::Options::default(),
            services_dir: services_dir.into(),
            state_dir: default_state_dir()?,
            keep: false,
            grace: Duration::from_secs(5),
            reaper: None,
            subnets: Subnets::from_environment()?,
            reach: Reach::from_environment()?,
            tell: Arc::new(|_| {}),
        })
    }
}

impl fmt::Debug for DockerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerOptions")
            .field("services_dir", &self.services_dir)
            .field("state_dir", &self.state_dir)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
