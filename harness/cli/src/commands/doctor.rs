//! `meshkat doctor`: every problem of this machine at once, each with its way out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use meshkat_envoy::Sandbox;
use meshkat_model::mesh::{Port, Service};
use meshkat_runtime::{
    RuntimeError,
    run::{default_state_dir, open_state_dir},
};
use meshkat_runtime_docker as docker;

use crate::{
    args::{DoctorArgs, EnvoyChoice, Runtime},
    backend,
    exit::{Exit, count},
    limits, locate,
    output::say,
};

/// What no setting takes away.
const SHARED: &str = "whoever can log in to this machine can reach the pods of a mesh on its loopback addresses, Envoy's admin \
                      interface too; docs/reference/runtimes.md says more";

/// An address that no pod has, in the first block of the process runtime.
const SAMPLE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 64, 0, 254));

pub(crate) async fn run(args: &DoctorArgs) -> Result<(), Exit> {
    let checks = [
        envoy(&args.envoy).await,
        services(),
        addresses(),
        state_dir(),
        limits::check_files().map_err(Exit::into_parts),
        limits::check_room().map_err(Exit::into_parts),
    ];
    let mut bad = 0;
    let project = load_project();
    let invalid = usize::from(project.is_err());
    for check in checks.into_iter().chain([project]) {
        match check {
            Ok(good) => say(&format!("ok    {good}")),
            Err((problem, way_out)) => {
                bad += 1;
                say(&format!("error {problem}\n      help: {way_out}"));
            }
        }
    }
    judging();
    say(&format!("note  {SHARED}"));
    match (docker::version().await, args.runtime) {
        (Ok(version), _) => say(&format!("ok    Docker {version}, for --runtime docker")),
        (Err(error), Runtime::Process) => say(&format!("note  --runtime docker cannot be used: {error}")),
        (Err(error), Runtime::Docker) => {
            bad += 1;
            let help = error.help().unwrap_or_default();
            say(&format!("error {error}\n      help: {help}"));
        }
    }
    let told = format!("{} in the way of a run", count(bad, "problem"));
    match bad {
        0 => Ok(()),
        // Nothing is wrong with the machine.
        _ if bad == invalid => Err(Exit::usage(told)),
        _ => Err(Exit::environment(told)),
    }
}

type Check = Result<String, (String, String)>;

async fn envoy(choice: &EnvoyChoice) -> Check {
    match locate::envoy(choice).await {
        Ok(envoy) => {
            let told = format!("Envoy {} at {}", envoy.version, envoy.path.display());
            let known = if locate::is_known_release(envoy).await {
                "a known release"
            } else {
                "not one of the known releases: who made it is for you to know"
            };
            Ok(format!("{told}, {known}"))
        }
        Err(exit) => Err(exit.into_parts()),
    }
}

/// What keeps an Envoy from harm that judges a configuration.
fn judging() {
    let sandbox = Sandbox::offered();
    let word = if sandbox == Sandbox::Nothing { "note " } else { "ok   " };
    say(&format!(
        "{word} lint has Envoy judge configurations {}",
        sandbox.describe()
    ));
}

fn services() -> Check {
    if backend::own_services().map_err(Exit::into_parts)?.is_some() {
        return Ok("the services are in meshkat itself".to_owned());
    }
    let dir = backend::services_dir().map_err(Exit::into_parts)?;
    let missing: Vec<&str> = Service::ALL
        .into_iter()
        .map(Service::name)
        .filter(|name| !dir.join(name).is_file())
        .collect();
    if missing.is_empty() {
        Ok(format!("the services' binaries in {}", dir.display()))
    } else {
        Err((
            format!("{} missing in {}", missing.join(", "), dir.display()),
            "cargo build --workspace, or set MESHKAT_SERVICES to their folder".to_owned(),
        ))
    }
}

fn addresses() -> Check {
    for port in [Port::Inbound, Port::Outbound, Port::Admin, Port::Application] {
        if let Err(error) = TcpListener::bind(SocketAddr::new(SAMPLE, port.number())) {
            let way_out = match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    format!(
                        "something listens on 0.0.0.0:{0}: find it with `ss -ltnp 'sport = :{0}'` and end it",
                        port.number()
                    )
                }
                _ => format!("give the machine loopback addresses, on macOS: sudo ifconfig lo0 alias {SAMPLE} up"),
            };
            return Err((
                format!("port {} cannot be used on {SAMPLE}: {error}", port.number()),
                way_out,
            ));
        }
    }
    Ok("the four ports on loopback addresses of their own".to_owned())
}

fn state_dir() -> Check {
    let dir = default_state_dir().map_err(|error| backend::runtime_error(&error).into_parts())?;
    let not_written = |error: &std::io::Error| {
        (
            format!("the state folder {} cannot be written: {error}", dir.display()),
            "set MESHKAT_STATE_DIR to a folder that can".to_owned(),
        )
    };
    let folder = open_state_dir(&dir).map_err(|error| match &error {
        RuntimeError::Folder { source, .. } => not_written(source),
        _ => backend::runtime_error(&error).into_parts(),
    })?;
    // It has no name, and is gone when it is dropped.
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(format!("the state folder {}", dir.display())),
        Err(error) => Err(not_written(&error)),
    }
}

/// The project, and what in its files is invalid: a run of one that is named has nothing to do with the others, a run of all has.
fn load_project() -> Check {
    let project = crate::load::project().map_err(Exit::into_parts)?;
    let wrong = crate::load::invalid(&project).map_err(Exit::into_parts)?;
    let Some(first) = wrong.first() else {
        return Ok(format!("the project in {}", project.root.display()));
    };
    let files: std::collections::BTreeSet<&str> = wrong.iter().map(|wrong| wrong.source.name()).collect();
    let told = format!(
        "{} of the project in {} invalid: {}:{}: {}",
        count(files.len(), "file"),
        project.root.display(),
        first.source.name(),
        first.place.line,
        first.message
    );
    let told = told.replacen(
        " invalid:",
        if files.len() == 1 {
            " is invalid:"
        } else {
            " are invalid:"
        },
        1,
    );
    Err((
        told,
        "`meshkat lint` tells all of it; what is named runs without it".to_owned(),
    ))
}
