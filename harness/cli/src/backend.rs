//! What runs meshes: the services' binaries, the backend.

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use meshkat_model::mesh::Service;
use meshkat_runtime::{
    Backend, Capabilities, Envoys, Lease, LocalEnvoy, Printable, RuntimeError,
    run::{Ledger, RuntimeName, Sweeper, Swept, sweep, sweep_runtime},
};
use meshkat_runtime_docker::{DockerBackend, DockerOptions, DockerSweeper};
use meshkat_runtime_process::{self as process, ProcessBackend, ProcessOptions};

use crate::{args::Runtime, envoys::ResolvedEnvoys, exit::Exit, output::say, services};

/// What removes what dead runs have left in their runtimes.
pub(crate) const SWEEPERS: [&dyn Sweeper; 1] = [&DockerSweeper];

/// A runtime, before it is known which Envoys it is to run.
pub(crate) enum RuntimeHandle {
    /// Plain processes.
    Process,
    /// Containers.
    Docker(Box<DockerBackend>),
}

impl RuntimeHandle {
    /// The runtime that was asked for. Docker is reached, and what dead runs left behind in it is removed.
    ///
    /// # Errors
    /// Docker is not there, does not run, or may not be used.
    pub(crate) async fn of(runtime: Runtime) -> Result<Self, Exit> {
        Ok(match runtime {
            Runtime::Process => Self::Process,
            Runtime::Docker => Self::Docker(Box::new(docker().await?)),
        })
    }

    /// What it can do, so that a plan can be made before anything starts. What a daemon's kernel can do is asked once, in a
    /// container, and remembered.
    ///
    /// # Errors
    /// The container does not run.
    pub(crate) async fn capabilities(&self) -> Result<Capabilities, Exit> {
        match self {
            Self::Process => Ok(process::capabilities()),
            Self::Docker(docker) => {
                docker.learn().await.map_err(|error| runtime_error(&error))?;
                Ok(docker.capabilities())
            }
        }
    }

    /// What runs meshes with these Envoys. What dead runs left behind is removed first.
    ///
    /// # Errors
    /// The services' folder or the one for state cannot be had.
    pub(crate) fn backend(self, found: &ResolvedEnvoys) -> Result<Arc<dyn Backend>, Exit> {
        let envoys = found.envoys().clone();
        match self {
            Self::Process => {
                let options = process_options(envoys)?;
                warn_of(sweep(&options.state_dir, false, &SWEEPERS).map_err(|error| runtime_error(&error))?);
                let backend = ProcessBackend::new(options).map_err(|error| runtime_error(&error))?;
                Ok(Arc::new(backend))
            }
            Self::Docker(docker) => {
                let backend = docker.with_envoys(envoys).map_err(|error| runtime_error(&error))?;
                Ok(Arc::new(backend))
            }
        }
    }
}

/// The folder of the services' binaries: `MESHKAT_SERVICES`, or where `meshkat` itself is.
pub(crate) fn services_dir() -> Result<PathBuf, Exit> {
    if let Some(dir) = named_services_dir() {
        return Ok(dir);
    }
    let own = own_path()?;
    Ok(own.parent().map_or_else(|| PathBuf::from("."), PathBuf::from))
}

fn named_services_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("MESHKAT_SERVICES").filter(|dir| !dir.is_empty())?;
    Some(dir.into())
}

/// The command line of the services in `meshkat` itself, where no folder is named and they do not all lie beside it, as they do after a
/// build of a checkout: a program `echo` in its folder is somebody else's then.
pub(crate) fn own_services() -> Result<Option<Vec<OsString>>, Exit> {
    let dir = services_dir()?;
    let are_beside = Service::ALL
        .into_iter()
        .all(|service| dir.join(service.name()).is_file());
    if named_services_dir().is_some() || are_beside {
        return Ok(None);
    }
    Ok(Some(vec![own_path()?.into(), services::COMMAND.into()]))
}

/// The path of this program.
pub(crate) fn own_path() -> Result<PathBuf, Exit> {
    std::env::current_exe().map_err(|error| Exit::environment(format!("failed to find this program: {error}")))
}

/// A lease on a mesh that another process holds.
///
/// # Errors
/// What runs it cannot be reached, or what its ledger lists is not proven to be its own.
pub(crate) async fn attach(run: &Ledger) -> Result<Arc<dyn Lease>, Exit> {
    let attached = match run.runtime {
        RuntimeName::Process => {
            let backend = ProcessBackend::new(process_options(Envoys::none())?);
            backend.map_err(|error| runtime_error(&error))?.attach(run).await
        }
        RuntimeName::Docker => {
            let backend = DockerBackend::connect(docker_options()?).await;
            backend.map_err(|error| runtime_error(&error))?.attach(run).await
        }
    };
    attached.map_err(|error| runtime_error(&error))
}

/// The options of the process backend.
fn process_options(envoys: Envoys<LocalEnvoy>) -> Result<ProcessOptions, Exit> {
    let envoys = envoys
        .try_map(|envoy| Ok(envoy.path))
        .map_err(|error| runtime_error(&error))?;
    let mut options = ProcessOptions::new(envoys, services_dir()?).map_err(|error| runtime_error(&error))?;
    options.services = own_services()?;
    options.reaper = Some(vec![own_path()?.into(), "reap".into()]);
    Ok(options)
}

/// The options of the Docker backend.
fn docker_options() -> Result<DockerOptions, Exit> {
    let mut options = DockerOptions::new(services_dir()?).map_err(|error| runtime_error(&error))?;
    options.reaper = Some(vec![own_path()?.into(), "reap".into()]);
    options.tell = Arc::new(say);
    Ok(options)
}

/// The Docker backend, without Envoys yet. What dead runs left behind is removed first.
///
/// # Errors
/// Docker is not there, does not run, or may not be used.
pub(crate) async fn docker() -> Result<DockerBackend, Exit> {
    let options = docker_options()?;
    let state_dir = options.state_dir.clone();
    let backend = DockerBackend::connect(options)
        .await
        .map_err(|error| runtime_error(&error))?;
    let swept = tokio::task::spawn_blocking(move || {
        let mut swept = sweep(&state_dir, false, &SWEEPERS)?;
        // What is nobody's run is left alone, and `clean` tells of it.
        swept.extend(sweep_runtime(&DockerSweeper, false)?.runs);
        Ok::<_, RuntimeError>(swept)
    });
    let swept = swept.await.map_err(|error| Exit::environment(error.to_string()))?;
    warn_of(swept.map_err(|error| runtime_error(&error))?);
    Ok(backend)
}

fn warn_of(swept: Vec<Swept>) {
    for swept in swept {
        if let Some(failure) = swept.failure {
            say(&format!(
                "warning: {} is left behind by an earlier run: {}",
                Printable(&swept.folder.to_string_lossy()),
                Printable(&failure)
            ));
        }
    }
}

/// An error of the runtime is the environment's.
pub(crate) fn runtime_error(error: &RuntimeError) -> Exit {
    Exit::environment(error.to_string()).maybe_help(error.help())
}
