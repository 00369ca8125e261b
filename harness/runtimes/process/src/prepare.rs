//! What has to be there before a pod can start: programs, configurations, command lines.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use meshkat_envoy::command;
use meshkat_model::mesh::{MeshSpec, Port, Service};
use meshkat_runtime::environment::{self, Environment};
use meshkat_runtime::pods::PodAddress;
use meshkat_runtime::run::{LeaseId, TOKEN, Token};
use meshkat_runtime::{RuntimeError, failed};
use rustix::fs::{Access, access};

use crate::options::ProcessOptions;

/// Fails when a program that the mesh needs is missing.
pub(crate) fn check_programs(options: &ProcessOptions, mesh: &MeshSpec) -> Result<(), RuntimeError> {
    for group in mesh.groups.values() {
        if let Some(service) = group.service {
            let path = binary(options, service);
            check_program(&path, || RuntimeError::missing_service(service.name(), &path))?;
        }
        if group.envoy.is_some() {
            let path = options.envoys.of(mesh)?;
            check_program(path, || {
                RuntimeError::other(format!("there is no Envoy at {}", path.display()))
                    .with_help("get one with `meshkat envoy fetch`, or name one: --envoy PATH".to_owned())
            })?;
        }
    }
    Ok(())
}

fn check_program(path: &Path, missing: impl Fn() -> RuntimeError) -> Result<(), RuntimeError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && access(path, Access::EXEC_OK).is_ok() => Ok(()),
        Ok(_) => Err(
            RuntimeError::other(format!("{} is not an executable file", path.display()))
                .with_help(format!("make it executable: chmod +x {}", path.display())),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// How a program is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// What it is given besides what is [handed on][environment::handed_on]. Nothing else of this process's environment
    /// reaches it.
    pub(crate) env: Environment,
}

/// How a pod's application is started; `state` is where a registry is kept.
pub(crate) fn application(
    options: &ProcessOptions,
    run: &LeaseId,
    token: &Token,
    pod: &PodAddress,
    service: Service,
    state: PathBuf,
) -> Command {
    let at = |port: Port| SocketAddr::new(pod.address, port.number());
    let mut arguments: Vec<OsString> = vec![
        "--listen".into(),
        at(Port::Application).to_string().into(),
        "--instance".into(),
        pod.name.as_str().into(),
    ];
    match service {
        Service::Petstore => {
            arguments.extend(["--egress".into(), format!("http://{}", at(Port::Outbound)).into()]);
        }
        Service::Sds => arguments.extend([
            "--state".into(),
            state.into(),
            // Scenarios make it fail on purpose; nobody else reaches it.
            "--allow-faults".into(),
        ]),
        Service::Pet | Service::Echo | Service::Authz | Service::Ratelimit | Service::Collector => {}
    }
    if let Some((flag, port)) = service.further_port() {
        let at = SocketAddr::new(pod.address, port);
        arguments.extend([flag.into(), at.to_string().into()]);
    }
    let mut env = environment::of_run(run, &options.state_dir);
    env.insert(TOKEN.into(), token.text().into());
    Command {
        program: binary(options, service),
        arguments,
        env,
    }
}

/// How an Envoy is started with a configuration.
pub(crate) fn envoy(options: &ProcessOptions, program: &Path, run: &LeaseId, configuration: &Path) -> Command {
    Command {
        program: program.to_owned(),
        arguments: command::arguments(configuration, &options.envoy_options),
        env: environment::of_run(run, &options.state_dir),
    }
}

fn binary(options: &ProcessOptions, service: Service) -> PathBuf {
    options
        .services_dir
        .join(format!("{}{}", service.name(), std::env::consts::EXE_SUFFIX))
}
