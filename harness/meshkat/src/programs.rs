//! The programs that a mesh is made of: an Envoy, and the services.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use meshkat_envoy::binary;
use meshkat_model::mesh::Service;
use meshkat_runtime::Envoys;
use meshkat_runtime_process::{ProcessBackend, ProcessOptions};

use crate::error::Error;

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
    options.services = in_meshkat(&services);
    let meshkat = services.join(MESHKAT);
    // With it nothing is left on disk by a test that is killed, either.
    options.reaper = meshkat.is_file().then(|| vec![meshkat.into(), "reap".into()]);
    ProcessBackend::new(options).map_err(|error| environment(&error))
}

pub(crate) fn environment(error: &meshkat_runtime::RuntimeError) -> Error {
    Error::Environment(Error::with_help(&error.to_string(), error.help()))
}

/// The folder of the programs: that of the services, or of the `meshkat` that has them in itself.
fn services() -> Result<PathBuf, Error> {
    if let Some(given) = env::var_os("MESHKAT_SERVICES").filter(|given| !given.is_empty()) {
        return Ok(given.into());
    }
    let own =
        env::current_exe().map_err(|error| Error::Environment(format!("failed to find this program: {error}")))?;
    found(&own, &env::var_os("PATH").unwrap_or_default()).ok_or_else(|| {
        Error::Environment(Error::with_help(
            "the services (pet, sds and the others) are nowhere, and neither is a `meshkat` that has them",
            ["build them (`cargo build --workspace --bins`), install `meshkat`, or set MESHKAT_SERVICES to their folder".to_owned()],
        ))
    })
}

/// Where the programs are: above a test's program, which is in `target/debug/deps`, or on this `PATH`.
fn found(own: &Path, path: &OsStr) -> Option<PathBuf> {
    let above = own.ancestors().skip(1).take(3).map(Path::to_owned);
    above
        .chain(env::split_paths(path))
        .find(|folder| folder.join(MESHKAT).is_file())
}

/// The command line of the services in `meshkat` itself, where they do not all lie beside it: so they are where it was installed.
fn in_meshkat(folder: &Path) -> Option<Vec<OsString>> {
    let are_beside = Service::ALL
        .into_iter()
        .all(|service| folder.join(service.name()).is_file());
    let meshkat = folder.join(MESHKAT);
    (!are_beside && meshkat.is_file()).then(|| vec![meshkat.into(), "service".into()])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_installed_meshkat_has_the_services_in_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (target, bin) = (folder.path().join("target/debug"), folder.path().join("bin"));
        let test = target.join("deps/test");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&target).unwrap();
        assert_eq!(found(&test, bin.as_os_str()), None);
        fs::write(bin.join(MESHKAT), "").unwrap();
        assert_eq!(found(&test, bin.as_os_str()), Some(bin.clone()));
        assert_eq!(in_meshkat(&bin), Some(vec![bin.join(MESHKAT).into(), "service".into()]));
        // A build has all of them beside it, and comes first.
        for name in Service::ALL.map(Service::name).into_iter().chain([MESHKAT]) {
            fs::write(target.join(name), "").unwrap();
        }
        assert_eq!(found(&test, bin.as_os_str()), Some(target.clone()));
        assert_eq!(in_meshkat(&target), None);
    }
}
