//! The programs that a mesh is made of: an Envoy, and the services.

use std::{
    env,
    path::{Path, PathBuf},
};

use meshkat_envoy::binary;
use meshkat_runtime::Envoys;
use meshkat_runtime_process::{ProcessBackend, ProcessOptions};

use crate::error::Error;

/// One of the services: where it is, the others are.
const SERVICE: &str = "pet";
const MESHKAT: &str = "meshkat";

/// What runs meshes, with this Envoy: a version, a path, or the usual one.
pub(crate) async fn backend(envoy: Option<String>) -> Result<ProcessBackend, Error> {
    let located = tokio::task::spawn_blocking(move || {
        let request = binary::Request::from_environment(envoy)?;
        // A test shows what is written to standard error where it fails.
        binary::locate(&request, &mut std::io::stderr())
    });
    let located = located
        .await
        .map_err(|error| Error::Environment(format!("failed to look for Envoy: {error}")))?;
    let envoy = located.map_err(|error| Error::Environment(Error::with_help(&error.to_string(), [error.help()])))?;
    let services = services()?;
    let mut options =
        ProcessOptions::new(Envoys::one(envoy.path), services.clone()).map_err(|error| environment(&error))?;
    let meshkat = services.join(MESHKAT);
    // With it nothing is left on disk by a test that is killed, either.
    options.reaper = meshkat.is_file().then(|| vec![meshkat.into(), "reap".into()]);
    ProcessBackend::new(options).map_err(|error| environment(&error))
}

pub(crate) fn environment(error: &meshkat_runtime::RuntimeError) -> Error {
    Error::Environment(Error::with_help(&error.to_string(), error.help()))
}

/// The folder of the services' binaries.
fn services() -> Result<PathBuf, Error> {
    if let Some(given) = env::var_os("MESHKAT_SERVICES").filter(|given| !given.is_empty()) {
        return Ok(given.into());
    }
    let own =
        env::current_exe().map_err(|error| Error::Environment(format!("failed to find this program: {error}")))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let mut on_path = env::split_paths(&path).filter(|folder| folder.join(MESHKAT).is_file());
    // A test's program is in `target/debug/deps`, an example's in `target/debug/examples`.
    let above = own.ancestors().skip(1).take(3);
    let has_services = |folder: &&Path| folder.join(SERVICE).is_file();
    let found = above.into_iter().find(has_services).map(Path::to_owned);
    found
        .or_else(|| on_path.find(|folder| folder.join(SERVICE).is_file()))
        .ok_or_else(|| {
            Error::Environment(Error::with_help(
                "the binaries of the services (pet, sds and the others) are nowhere",
                ["build them (`cargo build --workspace --bins`), install `meshkat`, or set MESHKAT_SERVICES to their folder".to_owned()],
            ))
        })
}
