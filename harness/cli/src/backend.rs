//! What runs meshes: an Envoy, the services' binaries, the backend.

use std::{io, path::PathBuf, sync::Arc};

use meshkat_envoy::binary::{Envoy, EnvoyError, Request, locate};
use meshkat_runtime::{
    Backend, Capabilities, RuntimeError,
    process::{self, ProcessBackend, ProcessOptions, sweep},
};

use crate::{
    args::{EnvoyChoice, Runtime},
    exit::Exit,
    output::say,
};

/// What a runtime can do, so that a plan can be made before anything is looked for.
pub(crate) fn capabilities(runtime: Runtime) -> Capabilities {
    match runtime {
        Runtime::Process => process::capabilities(),
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

/// The process backend. What dead runs left behind is removed first.
pub(crate) fn process(envoy: &Envoy) -> Result<Arc<dyn Backend>, Exit> {
    let options = process_options(envoy)?;
    for swept in sweep(&options.state_dir, false).map_err(|error| runtime_error(&error))? {
        if let Some(failure) = swept.failure {
            say(&format!(
                "warning: {} is left behind by an earlier run: {failure}",
                swept.folder.display()
            ));
        }
    }
    Ok(Arc::new(
        ProcessBackend::new(options).map_err(|error| runtime_error(&error))?,
    ))
}

/// An error of the runtime is the environment's.
pub(crate) fn runtime_error(error: &RuntimeError) -> Exit {
    Exit::environment(error.to_string()).maybe_help(error.help())
}
