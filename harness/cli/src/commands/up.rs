//! `meshkat up`: a mesh for people.

use std::process::Stdio;

use meshkat_engine::mesh::{MeshError, RunningMesh, bring_up::BringUp};
use meshkat_model::{
    mesh::{MeshSpec, Port},
    project::{MeshFiles, NoMesh, Project},
    scenario::Meshes,
};
use meshkat_runtime::run::{LeaseId, ProcessIdentity, Proof, default_state_dir, run_folder};
use rustix::process::Signal;
use serde_json::{Value, json};
use tabled::{builder::Builder, settings::Style};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    args::{UpArgs, UpFormat},
    aside::Aside,
    backend::{self, RuntimeHandle},
    envoys::ResolvedEnvoys,
    exit::{Exit, INTERRUPTED},
    limits, load, locate,
    output::{print, print_json, say},
    signals, used,
};

/// The file in a run's folder that tells that `up` made it, so that `down` ends it and not a test run.
pub(crate) const MARK: &str = "up";

pub(crate) async fn run(args: UpArgs) -> Result<(), Exit> {
    if args.detach {
        return detach(&args).await;
    }
    let project = load::project()?;
    let spec = &mesh(&project, &args.mesh, &args.overlay)?;
    limits::check()?;
    let envoy = locate::envoy(&args.envoy).await?;
    let cancel = signals::cancel_on_signal()?;
    let state_dir = default_state_dir().map_err(|error| backend::runtime_error(&error))?;
    let handle = RuntimeHandle::of(args.runtime).await?;
    let backend = handle.backend(&ResolvedEnvoys::one(envoy, &args.envoy))?;
    let limit = args.ready_within;
    let bring_up = BringUp::start(&*backend, spec).await.map_err(|error| not_up(&error))?;
    let id: LeaseId = bring_up.mesh().lease().id().parse().map_err(|error| {
        Exit::environment(format!(
            "failed to mark the mesh {}: {error}",
            bring_up.mesh().lease().id()
        ))
    })?;
    let mark = run_folder(&state_dir, &id).join(MARK);
    let ready = match meshkat_files::write_private(&mark, &args.mesh) {
        Ok(()) => {
            // Told to a person before the mesh is ready, so that who waits for it can ask it. A program is told of what is ready.
            if !args.in_background && args.format == UpFormat::Text {
                print(&entrances(bring_up.mesh()));
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Exit::silent(INTERRUPTED)),
                ready = bring_up.ready(limit) => ready.map_err(|error| not_up(&error)),
            }
        }
        Err(error) => Err(Exit::environment(format!(
            "failed to write {}: {error}",
            mark.display()
        ))),
    };
    let mesh = bring_up.into_mesh();
    if let Err(exit) = ready {
        if let Err(trouble) = mesh.release(None).await {
            say(&format!("warning: failed to remove the mesh: {trouble}"));
        }
        return Err(exit);
    }
    if args.in_background || args.format != UpFormat::Text {
        print_entrances(&mesh, args.format);
    }
    if args.in_background {
        print("ready\n");
    } else {
        say(&roster(&mesh));
        say("ready; Ctrl-C ends it");
    }
    watch(&mesh, &cancel).await;
    mesh.release(None)
        .await
        .map_err(|error| backend::runtime_error(&error))?;
    // It ends by a signal alone.
    Err(Exit::silent(INTERRUPTED))
}

/// A mesh of the project by its name, with its Envoys changed by overlays.
///
/// # Errors
/// There is no such mesh or overlay, or one is invalid.
pub(crate) fn mesh(project: &Project, name: &str, overlays: &[String]) -> Result<MeshSpec, Exit> {
    let (meshes, wrong) = load::meshes(project)?;
    let spec = meshes.valid(name).map_err(|none| match none {
        NoMesh::Unknown(known) => {
            Exit::usage(format!("there is no mesh `{name}`")).help(format!("the meshes are {}", known.join(", ")))
        }
        NoMesh::Invalid(wrong) => Exit::diagnostics(wrong),
    })?;
    let mut aside = Aside::default();
    aside.add(wrong);
    aside.tell();
    let spec = with_overlays(spec, overlays, &meshes)?;
    used::check_configs(project, std::iter::once(&spec))?;
    Ok(spec)
}

/// The mesh with its Envoys changed by overlays.
fn with_overlays(spec: &MeshSpec, overlays: &[String], meshes: &MeshFiles) -> Result<MeshSpec, Exit> {
    let mut spec = spec.clone();
    for name in overlays {
        let file = meshes.overlay(name).map_err(|known| {
            Exit::usage(format!("there is no overlay `{name}`")).help(format!("the overlays are {}", known.join(", ")))
        })?;
        let envoys = spec.groups.values_mut().filter(|group| group.envoy.is_some());
        envoys.for_each(|group| group.overlays.push(file.to_owned()));
    }
    load::check_overlays(std::iter::once(&spec))?;
    Ok(spec)
}

/// Until it is told to end: says when a container ends by itself.
async fn watch(mesh: &RunningMesh, cancel: &tokio_util::sync::CancellationToken) {
    let mut changes = mesh.lease().changes();
    let mut told = std::collections::BTreeSet::new();
    loop {
        for pod in mesh.pods() {
            for (what, state) in [("application", &pod.application), ("envoy", &pod.envoy)] {
                if let Some(state) = state.as_ref().filter(|state| state.is_crashed())
                    && told.insert(format!("{what} of {} {state}", pod.name))
                {
                    say(&format!("the {what} of {} {state}", pod.name));
                }
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// The pods through which a mesh is entered, each with its URL.
fn ways_in(mesh: &RunningMesh) -> Vec<(String, String)> {
    let ways = mesh.pods().into_iter().filter(|pod| pod.group == "ingress");
    ways.map(|pod| (pod.name.clone(), format!("http://{}", pod.socket(Port::Inbound))))
        .collect()
}

/// One line for each way in: machine output.
fn entrances(mesh: &RunningMesh) -> String {
    ways_in(mesh)
        .into_iter()
        .map(|(pod, url)| format!("{pod} {url}\n"))
        .collect()
}

fn print_entrances(mesh: &RunningMesh, format: UpFormat) {
    match format {
        UpFormat::Text => print(&entrances(mesh)),
        UpFormat::Url => print(
            &ways_in(mesh)
                .into_iter()
                .map(|(_, url)| format!("{url}\n"))
                .collect::<String>(),
        ),
        UpFormat::Json => {
            let ways = ways_in(mesh)
                .into_iter()
                .map(|(pod, url)| json!({"pod": pod, "url": url}));
            let pods = mesh.pods().into_iter().map(|pod| {
                let has = |port: Port| match port {
                    Port::Application => pod.application.is_some(),
                    Port::Outbound => pod.application.is_some() && pod.envoy.is_some(),
                    _ => pod.envoy.is_some(),
                };
                let socket = |port: Port| has(port).then(|| pod.socket(port).to_string());
                json!({
                    "name": pod.name, "group": pod.group, "inbound": socket(Port::Inbound), "outbound": socket(Port::Outbound),
                    "admin": socket(Port::Admin), "application": socket(Port::Application),
                })
            });
            let told = json!({
                "id": mesh.lease().id(), "mesh": mesh.spec().name, "entrances": ways.collect::<Vec<Value>>(),
                "pods": pods.collect::<Vec<Value>>(),
            });
            print_json(told, false);
        }
    }
}

fn roster(mesh: &RunningMesh) -> String {
    let mut rows = Builder::default();
    rows.push_record(["pod", "inbound", "outbound", "admin", "application"]);
    for pod in mesh.pods() {
        let envoy = |port: Port| {
            if pod.envoy.is_some() {
                pod.socket(port).to_string()
            } else {
                "-".to_owned()
            }
        };
        let application = if pod.application.is_some() {
            pod.socket(Port::Application).to_string()
        } else {
            "-".to_owned()
        };
        let outbound = if pod.application.is_some() {
            envoy(Port::Outbound)
        } else {
            "-".to_owned()
        };
        rows.push_record([
            pod.name.clone(),
            envoy(Port::Inbound),
            outbound,
            envoy(Port::Admin),
            application,
        ]);
    }
    let table = rows.build().with(Style::sharp()).to_string();
    let ingress = mesh.pods().into_iter().find(|pod| pod.group == "ingress");
    match ingress {
        Some(pod) if mesh.spec().groups.contains_key("petstore") => {
            format!("{table}\ntry: curl http://{}/stores/1", pod.socket(Port::Inbound))
        }
        _ => table,
    }
}

/// A mesh that is wrong by its own files is the mesh's failure, as in a run; anything else is the environment's.
fn not_up(error: &MeshError) -> Exit {
    let told = format!("the mesh did not come up: {error}");
    let exit = match error.of_the_mesh() {
        Some(_) => Exit::failed(told).help("`meshkat lint` checks the configurations"),
        None => Exit::environment(told),
    };
    exit.maybe_help(error.help())
}

/// Starts `up` again in the background, and comes back when that one is ready or has failed.
async fn detach(args: &UpArgs) -> Result<(), Exit> {
    let mut command = tokio::process::Command::new(backend::own_path()?);
    command.args([
        "up",
        &args.mesh,
        "--in-background",
        "--ready-within",
        &format!("{}ms", args.ready_within.as_millis()),
        "--runtime",
        &args.runtime.to_string(),
        "--format",
        args.format.name(),
    ]);
    for overlay in &args.overlay {
        command.args(["--overlay", overlay]);
    }
    if let Some(envoy) = &args.envoy.envoy {
        command.args(["--envoy", envoy]);
    }
    // A group of its own, so that the terminal's Ctrl-C does not reach it.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let failed = |error: std::io::Error| Exit::environment(format!("failed to start in the background: {error}"));
    let cancel = signals::cancel_on_signal()?;
    let mut child = command.spawn().map_err(failed)?;
    let identity = child.id().and_then(ProcessIdentity::of);
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Exit::environment("failed to start in the background: it has no output"));
    };
    // Passed on as it comes: fetching an Envoy says more than a pipe holds.
    let passing_on = tokio::spawn(async move {
        let mut lines = BufReader::new(err).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            say(&String::from_utf8_lossy(&line));
        }
    });
    let mut lines = BufReader::new(out).lines();
    // Nobody is told where a mesh is before it is ready.
    let mut told = String::new();
    loop {
        let line = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                // Nobody would know of a mesh that came up now.
                terminate(identity.as_ref());
                None
            }
            line = lines.next_line() => line.map_err(failed)?,
        };
        match line.as_deref() {
            None => break,
            Some("ready") => {
                print(&told);
                say("ready; `meshkat status` shows it, `meshkat down` ends it");
                return Ok(());
            }
            Some(line) => told.push_str(&format!("{line}\n")),
        }
    }
    let status = child.wait().await.map_err(failed)?;
    // What it said last; that it cannot be shown is no reason for another error.
    drop(passing_on.await);
    Err(Exit::silent(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(crate::exit::ENVIRONMENT),
    ))
}

/// Tells the mesh in the background to end.
fn terminate(child: Option<&ProcessIdentity>) {
    // If it has just ended, all is well.
    let told = child.map(|child| child.signal(Signal::TERM, Proof::Child));
    if let Some(Err(error)) = told {
        say(&format!("warning: failed to end the mesh in the background: {error}"));
    }
}
