//! `meshkat fault`: kills, pauses and resumes pods of a mesh that runs.

use meshkat_model::{mesh::Container, suggest::did_you_mean};
use meshkat_runtime::{
    Printable,
    docker::{self, Harm},
    process::default_state_dir,
    run::{Ledger, Proof, RuntimeName, Signalled, live_runs, note_by_hand, run_folder},
};
use rustix::process::Signal;

use super::{running, up::MARK};
use crate::{
    args::{FaultAction, FaultArgs},
    backend::runtime_error,
    exit::Exit,
    output::say,
};

pub(crate) async fn run(args: &FaultArgs) -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let runs = live_runs(&state_dir).map_err(|error| runtime_error(&error))?;
    let is_up = |run: &Ledger| run_folder(&state_dir, &run.id).join(MARK).exists();
    let run = running::choose_to_fault(&runs, is_up, args.mesh.as_deref())?;
    let (pod, container) = match args.target.split_once('/') {
        None => (args.target.as_str(), None),
        Some((pod, "envoy")) => (pod, Some(Container::Envoy)),
        Some((pod, "application")) => (pod, Some(Container::Application)),
        Some((_, other)) => {
            return Err(Exit::usage(format!("a pod has no container `{other}`"))
                .help("write POD, POD/envoy or POD/application"));
        }
    };
    if !run.pods.iter().any(|known| known.name == pod) {
        let pods: Vec<&str> = run.pods.iter().map(|pod| pod.name.as_str()).collect();
        let of_group: Vec<&str> = run
            .pods
            .iter()
            .filter(|known| known.group == pod)
            .map(|pod| pod.name.as_str())
            .collect();
        return Err(match of_group.as_slice() {
            [] => Exit::usage(format!("there is no pod `{}`", Printable(pod))).help(did_you_mean(pod, pods)),
            [first, ..] => Exit::usage(format!("`{pod}` is a group of pods, and one pod is faulted at a time"))
                .help(format!("name the pod: {} {first}", command(args.action))),
        });
    }
    let folder = run_folder(&state_dir, &run.id);
    let done = match args.action {
        FaultAction::Kill => "killed",
        FaultAction::Pause => "paused",
        FaultAction::Resume => "resumed",
    };
    let hit = match run.runtime {
        RuntimeName::Process => signal(run, pod, container, args.action)?,
        RuntimeName::Docker => {
            let harm = match args.action {
                FaultAction::Kill => Harm::Kill,
                FaultAction::Pause => Harm::Pause,
                FaultAction::Resume => Harm::Resume,
            };
            docker::harm(&run.id, pod, container, harm)
                .await
                .map_err(|error| runtime_error(&error))?
        }
    };
    if hit.is_empty() {
        return Err(
            Exit::nothing(format!("nothing of `{}` runs", args.target)).help("`meshkat status` shows what runs")
        );
    }
    for container in hit {
        let told = format!("{done} the {container} of {pod}");
        say(&told);
        // Whoever reads of a failure in this mesh is to know whose doing it may be.
        let now = jiff::Timestamp::now().strftime("%H:%M:%S");
        if let Err(error) = note_by_hand(&folder, &format!("`meshkat fault` {told} at {now} UTC")) {
            say(&format!(
                "warning: failed to leave a note of it in {}: {error}",
                folder.display()
            ));
        }
    }
    Ok(())
}

/// The words that do it.
fn command(action: FaultAction) -> &'static str {
    match action {
        FaultAction::Kill => "fault kill",
        FaultAction::Pause => "fault pause",
        FaultAction::Resume => "fault resume",
    }
}

/// Sends a signal to the processes that are meant and live; gives whose they were.
fn signal(run: &Ledger, pod: &str, container: Option<Container>, action: FaultAction) -> Result<Vec<Container>, Exit> {
    let signal = match action {
        FaultAction::Kill => Signal::KILL,
        FaultAction::Pause => Signal::STOP,
        FaultAction::Resume => Signal::CONT,
    };
    let mut hit = Vec::new();
    let meant = run
        .processes
        .iter()
        .filter(|process| process.pod == pod && container.is_none_or(|container| process.container == container));
    for process in meant {
        let which = process.container;
        match process.identity.signal(signal, Proof::Member(&run.id)) {
            Ok(Signalled::Sent) => hit.push(which),
            Ok(Signalled::Gone) => {}
            Ok(Signalled::NotOurs) => {
                let pid = process.identity.pid;
                return Err(Exit::environment(format!(
                    "the {which} of {pod} is left alone: the ledger names process {pid}, but nothing proves that the mesh \
                     started it"
                ))
                .help(format!("look at process {pid}: ps -p {pid} -f")));
            }
            Err(error) => {
                return Err(Exit::environment(format!(
                    "failed to signal the {which} of {pod}: {error}"
                )));
            }
        }
    }
    Ok(hit)
}
