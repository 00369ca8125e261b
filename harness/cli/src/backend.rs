//! What runs meshes: an Envoy, the services' binaries, the backend.

use std::{io, path::PathBuf, sync::Arc};

use meshkat_envoy::binary::{Envoy, EnvoyError, Request, locate};
use meshkat_runtime::{
    Backend, Capabilities, RuntimeError,
    docker::{DockerBackend, DockerOptions},
    process::{self, ProcessBackend, ProcessOptions},
    run::{Swept, sweep, sweep_docker},
};

use crate::{
    args::{EnvoyChoice, Runtime},
    exit::Exit,
    output::say,
};

/// What a runtime can do, so that a plan can be made before anything starts. What a daemon's kernel can do is asked once, in a
/// container, and remembered.
///
/// # Errors
/// The runtime is not there.
pub(crate) async fn capabilities(runtime: Runtime, choice: &EnvoyChoice) -> Result<Capabilities, Exit> {
    match runtime {
        Runtime::Process => Ok(process::capabilities()),
        Runtime::Docker => {
            let docker = docker(choice, &envoy(choice).await?).await?;
            docker.learn().await.map_err(|error| runtime_error(&error))?;
            Ok(docker.capabilities())
        }
    }
}

/// Finds the Envoy that was asked for, or fetches it.
///
/// # Errors
/// Why there is none; a version that is not known is a matter of usage.
pub(crate) async fn envoy(choice: &EnvoyChoice) -> Result<Envoy, Exit> {
    let request = Request::from_environment(choice.envoy.clone()).map_err(|error| no_envoy(&error))?;
    let found = tokio::task::spawn_blocking(move || locate(&request, &mut io::stderr())).await;
    let found = found.map_err(|error| Exit::environment(format!("failed to look for Envoy: {error}")))?;
    found.map_err(|error| no_envoy(&error))
}

fn no_envoy(error: &EnvoyError) -> Exit {
    let exit = match error {
        EnvoyError::UnknownVersion { .. } => Exit::usage(error.to_string()),
        _ => Exit::environment(error.to_string()),
    };
    exit.help(error.help())
}

/// The folder of the services' binaries: `MESHKAT_SERVICES`, or where `meshkat` itself is.
pub(crate) fn services_dir() -> Result<PathBuf, Exit> {
    if let Some(dir) = std::env::var_os("MESHKAT_SERVICES").filter(|dir| !dir.is_empty()) {
        return Ok(dir.into());
    }
    let own = own_path()?;
    Ok(own.parent().map_or_else(|| PathBuf::from("."), PathBuf::from))
}

/// The path of this program.
pub(crate) fn own_path() -> Result<PathBuf, Exit> {
    std::env::current_exe().map_err(|error| Exit::environment(format!("failed to find this program: {error}")))
}

/// The options of the process backend.
pub(crate) fn process_options(envoy: &Envoy) -> Result<ProcessOptions, Exit> {
    let mut options = ProcessOptions::new(&envoy.path, services_dir()?).map_err(|error| runtime_error(&error))?;
    options.reaper = Some(vec![own_path()?.into(), "reap".into()]);
    Ok(options)
}

/// The options of the Docker backend.
pub(crate) fn docker_options(choice: &EnvoyChoice, envoy: &Envoy) -> Result<DockerOptions, Exit> {
    let mut options = DockerOptions::new(&envoy.path, envoy.version.to_string(), services_dir()?)
        .map_err(|error| runtime_error(&error))?;
    options.reaper = Some(vec![own_path()?.into(), "reap".into()]);
    // A version is had from anywhere; a file is that file.
    options.envoy_by_path = choice
        .envoy
        .as_deref()
        .is_some_and(|asked| std::path::Path::new(asked).exists());
    options.tell = Arc::new(say);
    Ok(options)
}

/// What runs meshes. What dead runs left behind is removed first.
///
/// # Errors
/// The runtime is not there.
pub(crate) async fn backend(runtime: Runtime, choice: &EnvoyChoice, envoy: &Envoy) -> Result<Arc<dyn Backend>, Exit> {
    match runtime {
        Runtime::Process => {
            let options = process_options(envoy)?;
            warn_of(sweep(&options.state_dir, false).map_err(|error| runtime_error(&error))?);
            let backend = ProcessBackend::new(options).map_err(|error| runtime_error(&error))?;
            Ok(Arc::new(backend))
        }
        Runtime::Docker => Ok(Arc::new(docker(choice, envoy).await?)),
    }
}

/// The Docker backend. What dead runs left behind is removed first.
///
/// # Errors
/// Docker is not there, does not run, or may not be used.
pub(crate) async fn docker(choice: &EnvoyChoice, envoy: &Envoy) -> Result<DockerBackend, Exit> {
    let options = docker_options(choice, envoy)?;
    let state_dir = options.state_dir.clone();
    let backend = DockerBackend::connect(options)
        .await
        .map_err(|error| runtime_error(&error))?;
    let swept = tokio::task::spawn_blocking(move || {
        let mut swept = sweep(&state_dir, false)?;
        swept.extend(sweep_docker(false)?);
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
                "warning: {} is left behind by an earlier run: {failure}",
                swept.folder.display()
            ));
        }
    }
}

/// An error of the runtime is the environment's.
pub(crate) fn runtime_error(error: &RuntimeError) -> Exit {
    Exit::environment(error.to_string()).maybe_help(error.help())
}
