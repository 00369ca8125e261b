//! `meshkat fault`: harm to a pod of a mesh that runs.

use meshkat_model::mesh::Container;
use meshkat_runtime::{process::default_state_dir, run::live_runs};
use rustix::process::{Pid, Signal, kill_process};

use super::running;
use crate::{
    args::{FaultAction, FaultArgs},
    backend::runtime_error,
    exit::Exit,
    output::say,
};

pub(crate) fn run(args: &FaultArgs) -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let runs = live_runs(&state_dir).map_err(|error| runtime_error(&error))?;
    let run = running::choose(&runs, args.mesh.as_deref())?;
    let (pod, container) = match args.target.split_once('/') {
        None => (args.target.as_str(), None),
        Some((pod, "envoy")) => (pod, Some(Container::Envoy)),
        Some((pod, "application")) => (pod, Some(Container::Application)),
        Some((_, other)) => {
            return Err(Exit::usage(format!("a pod has no container `{other}`"))
                .help("write POD, POD/envoy or POD/application"));
        }
    };
    let hit: Vec<_> = run
        .processes
        .iter()
        .filter(|process| process.pod == pod && container.is_none_or(|container| process.container == container))
        .filter(|process| process.identity.is_alive())
        .collect();
    if hit.is_empty() {
        let pods: Vec<&str> = run.pods.iter().map(|pod| pod.name.as_str()).collect();
        return Err(Exit::nothing(format!("nothing of `{}` runs", args.target))
            .help(format!("the pods are {}", pods.join(", "))));
    }
    let (signal, done) = match args.action {
        FaultAction::Kill => (Signal::KILL, "killed"),
        FaultAction::Pause => (Signal::STOP, "paused"),
        FaultAction::Resume => (Signal::CONT, "resumed"),
    };
    for process in hit {
        let Some(pid) = i32::try_from(process.identity.pid).ok().and_then(Pid::from_raw) else {
            continue;
        };
        kill_process(pid, signal).map_err(|error| {
            Exit::environment(format!("failed to signal the {} of {pod}: {error}", process.container))
        })?;
        say(&format!("{done} the {} of {pod}", process.container));
    }
    Ok(())
}
