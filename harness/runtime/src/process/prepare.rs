//! What has to be there before a pod can start: programs, configurations, command lines.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use meshkat_envoy::command;
use meshkat_model::mesh::{Container, MeshSpec, Port, Service};
use rustix::fs::{Access, access};

use super::options::ProcessOptions;
use super::slot::Launch;
use crate::RuntimeError;
use crate::environment;
use crate::pods::members::Place;
use crate::run::LeaseId;
use crate::run::folder::{RunFolder, failed};
use crate::run::token::{self, Token};

/// Fails when a program that the mesh needs is missing.
pub(super) fn check_programs(options: &ProcessOptions, mesh: &MeshSpec) -> Result<(), RuntimeError> {
    for group in mesh.groups.values() {
        if let Some(service) = group.service {
            let path = binary(options, service);
            check_program(&path, || RuntimeError::MissingService {
                service: service.name(),
                path: path.clone(),
            })?;
        }
        if group.envoy.is_some() {
            let path = options.envoys.of(mesh)?;
            check_program(path, || RuntimeError::MissingEnvoy { path: path.clone() })?;
        }
    }
    Ok(())
}

fn check_program(path: &Path, missing: impl Fn() -> RuntimeError) -> Result<(), RuntimeError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && access(path, Access::EXEC_OK).is_ok() => Ok(()),
        Ok(_) => Err(RuntimeError::NotExecutable { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// How a pod's application is started.
pub(super) fn application(
    options: &ProcessOptions,
    run: &LeaseId,
    token: &Token,
    folder: &RunFolder,
    place: &Place,
    service: Service,
) -> Launch {
    let at = |port: Port| SocketAddr::new(place.address, port.number());
    let mut arguments: Vec<OsString> = vec![
        "--listen".into(),
        at(Port::Application).to_string().into(),
        "--instance".into(),
        place.name.as_str().into(),
    ];
    match service {
        Service::Petstore => {
            arguments.extend(["--egress".into(), format!("http://{}", at(Port::Outbound)).into()]);
        }
        Service::Sds => arguments.extend([
            "--state".into(),
            folder.sds_state(&place.name).into(),
            // Scenarios make it fail on purpose; nobody else reaches it.
            "--allow-faults".into(),
        ]),
        Service::Pet | Service::Echo => {}
    }
    let mut env = environment::of_run(run, &options.state_dir);
    env.insert(token::VARIABLE.into(), token.text().into());
    Launch {
        program: binary(options, service),
        arguments,
        env,
        log: folder.log(&place.name, Container::Application),
    }
}

/// How a pod's Envoy is started with a configuration.
pub(super) fn envoy(
    options: &ProcessOptions,
    program: &Path,
    run: &LeaseId,
    folder: &RunFolder,
    place: &Place,
    configuration: &Path,
) -> Launch {
    Launch {
        program: program.to_owned(),
        arguments: command::arguments(configuration, &options.envoy_options),
        env: environment::of_run(run, &options.state_dir),
        log: folder.log(&place.name, Container::Envoy),
    }
}

fn binary(options: &ProcessOptions, service: Service) -> PathBuf {
    options
        .services_dir
        .join(format!("{}{}", service.name(), std::env::consts::EXE_SUFFIX))
}
