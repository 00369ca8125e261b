//! What has to be there before a pod can start: programs, configurations, command lines.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use meshkat_envoy::command;
use meshkat_model::mesh::{Application, MeshSpec, Port, Service};
use meshkat_model::program::Program;
use meshkat_runtime::environment::{self, Environment};
use meshkat_runtime::pods::{PodAddress, ProgramPlace, StartedProgram, started};
use meshkat_runtime::run::{LeaseId, TOKEN, Token, certificates, program_folder};
use meshkat_runtime::{RuntimeError, failed};
use rustix::fs::{Access, access};

use crate::options::ProcessOptions;

/// Fails when a program that the mesh needs is missing.
pub(crate) fn check_programs(options: &ProcessOptions, mesh: &MeshSpec) -> Result<(), RuntimeError> {
    for group in mesh.groups.values() {
        match &group.application {
            Some(Application::Service(service)) => {
                let (path, _) = binary(options, *service);
                check_program(&path, || RuntimeError::missing_service(service.name(), &path))?;
            }
            Some(Application::Program(program)) => check_own(program)?,
            None => {}
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

/// Fails where a program of a user's own is not there. One of its `files` was looked for when the mesh file was read.
fn check_own(program: &Program) -> Result<(), RuntimeError> {
    let missing = |message: String, help: &str| {
        RuntimeError::other(format!("{message} ({})", program.place)).with_help(help.to_owned())
    };
    let Some(name) = program.command.first() else {
        return Err(missing(
            format!("the image `{}` cannot be run as a process", program.name()),
            "give the group a `command`, too, or run with --runtime docker",
        ));
    };
    if Path::new(name).is_absolute() {
        let help = "install it, or write where it is";
        return check_program(Path::new(name), || missing(format!("there is no program {name}"), help));
    }
    if name.contains('/') || on_the_path(name, &program.env).is_some() {
        return Ok(());
    }
    Err(missing(
        format!("there is no program `{name}` on the PATH"),
        "install it, or add it to the `files` of its group and write `./NAME`",
    ))
}

/// Where a program is that is named without a folder: on the `PATH` that it is given.
fn on_the_path(name: &str, env: &[(String, String)]) -> Option<PathBuf> {
    let own = env.iter().rev().find(|(variable, _)| variable == "PATH");
    let path = own.map(|(_, path)| path.into()).or_else(|| std::env::var_os("PATH"))?;
    let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(is_program)
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
    /// Where it is started; none is where this process is.
    pub(crate) folder: Option<PathBuf>,
}

/// How a program of a user's own is started; `folder` is the run's.
pub(crate) fn program(
    options: &ProcessOptions,
    run: &LeaseId,
    pod: &PodAddress,
    program: &Program,
    folder: &Path,
) -> Command {
    let (own, made) = (program_folder(folder, &pod.name), certificates(folder));
    let place = ProgramPlace {
        listen: pod.address,
        loopback: pod.address,
        folder: &own,
        certificates: made.as_deref(),
    };
    let StartedProgram { command, env } = started(program, pod, &place);
    let mut words = command.into_iter();
    let name = words.next().unwrap_or_default();
    let path = match name.contains('/') {
        true => place.files().join(&name),
        false => on_the_path(&name, &program.env).unwrap_or_else(|| PathBuf::from(&name)),
    };
    let mut variables: Environment = env
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    // What proves that it is the run's is never its own.
    variables.extend(environment::of_run(run, &options.state_dir));
    Command {
        program: path,
        arguments: words.map(OsString::from).collect(),
        env: variables,
        folder: Some(place.files()),
    }
}

/// How a service is started as a pod's application; `state` is where a registry is kept.
pub(crate) fn service(
    options: &ProcessOptions,
    run: &LeaseId,
    token: &Token,
    pod: &PodAddress,
    service: Service,
    state: PathBuf,
) -> Command {
    let at = |port: Port| SocketAddr::new(pod.address, port.number());
    let (program, mut arguments) = binary(options, service);
    arguments.extend([
        "--listen".into(),
        at(Port::Application).to_string().into(),
        "--instance".into(),
        pod.name.as_str().into(),
    ]);
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
        program,
        arguments,
        env,
        folder: None,
    }
}

/// How an Envoy is started with a configuration.
pub(crate) fn envoy(options: &ProcessOptions, program: &Path, run: &LeaseId, configuration: &Path) -> Command {
    Command {
        program: program.to_owned(),
        arguments: command::arguments(configuration, &options.envoy_options),
        env: environment::of_run(run, &options.state_dir),
        folder: None,
    }
}

/// The program of a service, and the arguments that make it the service.
fn binary(options: &ProcessOptions, service: Service) -> (PathBuf, Vec<OsString>) {
    let name = service.name();
    match options.services.as_deref() {
        Some([program, first @ ..]) => {
            let arguments = first.iter().cloned().chain([name.into()]);
            (program.into(), arguments.collect())
        }
        _ => (
            options
                .services_dir
                .join(format!("{name}{}", std::env::consts::EXE_SUFFIX)),
            Vec::new(),
        ),
    }
}
