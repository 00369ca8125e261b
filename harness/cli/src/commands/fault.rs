//! `meshkat fault`: does to a mesh that runs what a scenario can.

use meshkat_model::{mesh::Container, network::NetworkFault, suggest::did_you_mean};
use meshkat_runtime::{
    Capability, ContainerState, Lease, Pod, Printable, RuntimeError, Target,
    run::{Ledger, RuntimeName, default_state_dir, live_runs, note_by_hand, run_folder},
};
use meshkat_runtime_process::capabilities;

use super::{running, up::MARK};
use crate::{
    args::{FaultAction, FaultArgs},
    backend::{attach, runtime_error},
    exit::Exit,
    output::say,
};

pub(crate) async fn run(args: &FaultArgs) -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let runs = live_runs(&state_dir).map_err(|error| runtime_error(&error))?;
    let is_up = |run: &Ledger| run_folder(&state_dir, &run.id).join(MARK).exists();
    let run = running::choose_to_fault(&runs, is_up, args.mesh.as_deref())?;
    let fault = network_fault(args)?;
    let lease = attach(run).await?;
    let pods = lease.pods();
    let target = target(&pods, args)?;
    let folder = run_folder(&state_dir, &run.id);
    let done = |told: &str| {
        say(told);
        // Whoever reads of a failure in this mesh is to know whose doing it may be.
        let now = jiff::Timestamp::now().strftime("%H:%M:%S");
        if let Err(error) = note_by_hand(&folder, &format!("`meshkat fault` {told} at {now} UTC")) {
            say(&format!(
                "warning: failed to leave a note of it in {}: {error}",
                folder.display()
            ));
        }
    };
    match args.action {
        FaultAction::Kill | FaultAction::Stop | FaultAction::Start | FaultAction::Pause | FaultAction::Resume => {
            containers(&*lease, target, args, done).await
        }
        _ => {
            can_be_changed(run, fault)?;
            network(&*lease, &pods, target, fault, args)
                .await
                .map(|told| done(&told))
        }
    }
}

/// Where nothing can give the network a fault, nothing can undo one either: a lease would have nothing to do, and say nothing.
fn can_be_changed(run: &Ledger, fault: Option<NetworkFault>) -> Result<(), Exit> {
    let capability = Capability::CutNetwork;
    match (run.runtime, fault, capabilities().reason(capability)) {
        (RuntimeName::Process, None, Some(reason)) => Err(runtime_error(&RuntimeError::Unsupported {
            capability,
            reason: reason.to_owned(),
        })),
        _ => Ok(()),
    }
}

/// What the words ask to do to the network; none is to repair it, or nothing to it. A flag that belongs to another action is
/// refused.
fn network_fault(args: &FaultArgs) -> Result<Option<NetworkFault>, Exit> {
    let action = args.action;
    let has_peers = matches!(
        action,
        FaultAction::BlackHoled | FaultAction::Refusing | FaultAction::Slow | FaultAction::Lossy
    );
    let flags = [
        ("--delay", args.delay.is_some(), action == FaultAction::Slow),
        ("--loss", args.loss.is_some(), action == FaultAction::Lossy),
        ("--peer", !args.peers.is_empty(), has_peers),
    ];
    if let Some((flag, ..)) = flags.into_iter().find(|(_, is_given, fits)| *is_given && !fits) {
        return Err(Exit::usage(format!("`{flag}` means nothing to `fault {action}`")));
    }
    let needs = |flag: &str| Exit::usage(format!("`fault {action}` needs {flag}"));
    Ok(Some(match action {
        FaultAction::Disconnected => NetworkFault::Disconnect,
        FaultAction::BlackHoled => NetworkFault::BlackHole,
        FaultAction::Refusing => NetworkFault::Refuse,
        FaultAction::Slow => NetworkFault::Latency {
            delay: args.delay.ok_or_else(|| needs("--delay, such as --delay 50ms"))?,
        },
        FaultAction::Lossy => NetworkFault::Loss {
            share: args.loss.ok_or_else(|| needs("--loss, such as --loss 20%"))?.share(),
        },
        _ => return Ok(None),
    }))
}

/// The one pod that is meant, and the container of it if one is.
fn target(pods: &[Pod], args: &FaultArgs) -> Result<Target, Exit> {
    let (pod, container) = match args.target.split_once('/') {
        None => (args.target.as_str(), None),
        Some((pod, "envoy")) => (pod, Some(Container::Envoy)),
        Some((pod, "application")) => (pod, Some(Container::Application)),
        Some((_, other)) => {
            return Err(Exit::usage(format!("a pod has no container `{other}`"))
                .help("write POD, POD/envoy or POD/application"));
        }
    };
    let pod = pod.to_owned();
    if let Some(known) = pods.iter().find(|known| known.name == pod) {
        let has = |container: &Container| known.container(*container).is_some();
        return match container.filter(|asked| !has(asked)) {
            None => Ok(Target { pod, container }),
            Some(missing) => {
                let others = Container::BOTH.into_iter().filter(has);
                let others: Vec<String> = others.map(|other| format!("`{pod}/{other}`")).collect();
                Err(Exit::usage(format!("`{pod}` has no {missing}")).help(format!("it has {}", others.join(" and "))))
            }
        };
    }
    Err(match of_group(pods, &pod).first() {
        Some(first) => Exit::usage(format!("`{pod}` is a group of pods, and one pod is faulted at a time"))
            .help(format!("name the pod: fault {} {first}", args.action)),
        None => no_pod(pods, &pod),
    })
}

fn of_group(pods: &[Pod], group: &str) -> Vec<String> {
    let of_group = pods.iter().filter(|pod| pod.group == group);
    of_group.map(|pod| pod.name.clone()).collect()
}

fn no_pod(pods: &[Pod], name: &str) -> Exit {
    let names = pods.iter().map(|pod| pod.name.as_str());
    Exit::usage(format!("there is no pod `{}`", Printable(name))).help(did_you_mean(name, names))
}

/// Does it to each container that is meant and in a state for it. Each is told as it is done: the next may fail.
async fn containers(lease: &dyn Lease, target: Target, args: &FaultArgs, done: impl Fn(&str)) -> Result<(), Exit> {
    let pod = lease.pod(&target.pod);
    let fits = |state: &ContainerState| match args.action {
        FaultAction::Pause => matches!(state, ContainerState::Running { .. }),
        FaultAction::Resume => matches!(state, ContainerState::Paused { .. }),
        FaultAction::Start => !state.is_alive(),
        _ => state.is_alive(),
    };
    let meant = Container::BOTH.into_iter().filter(|container| {
        let state = pod.as_ref().and_then(|pod| pod.container(*container));
        target.container.is_none_or(|meant| meant == *container) && state.is_some_and(fits)
    });
    let mut is_any = false;
    for container in meant {
        let one = Target::container(&target.pod, container);
        let (did, outcome) = match args.action {
            FaultAction::Stop => ("stopped", lease.stop(&one).await),
            FaultAction::Start => ("started", lease.start(&one).await),
            FaultAction::Pause => ("paused", lease.pause(&one).await),
            FaultAction::Resume => ("resumed", lease.resume(&one).await),
            _ => ("killed", lease.kill(&one).await),
        };
        outcome.map_err(|error| runtime_error(&error))?;
        done(&format!("{did} the {container} of {}", target.pod));
        is_any = true;
    }
    match is_any {
        true => Ok(()),
        false => Err(nothing_to_do(pod.as_ref(), &target, args)),
    }
}

/// That nothing of what is meant is in a state for it: what it is, and what can be done to it.
fn nothing_to_do(pod: Option<&Pod>, target: &Target, args: &FaultArgs) -> Exit {
    let what = match args.action {
        FaultAction::Resume => "is paused",
        FaultAction::Start => "has ended",
        _ => "runs",
    };
    let states = Container::BOTH.into_iter().filter_map(|container| {
        let is_meant = target.container.is_none_or(|meant| meant == container);
        Some((container, pod?.container(container).filter(|_| is_meant)?))
    });
    let states: Vec<(Container, &ContainerState)> = states.collect();
    let told: Vec<String> = states
        .iter()
        .map(|(container, state)| format!("the {container} {} already", state.predicate()))
        .collect();
    let is_paused = states
        .iter()
        .any(|(_, state)| matches!(state, ContainerState::Paused { .. }));
    let has_ended = states.iter().any(|(_, state)| !state.is_alive());
    let way_out = match args.action {
        FaultAction::Pause | FaultAction::Start if is_paused => Some("resume"),
        FaultAction::Start => None,
        _ if has_ended => Some("start"),
        _ => None,
    };
    let help = match way_out {
        Some(action) => format!("`fault {action} {}` undoes it", args.target),
        None => "`meshkat status` shows what runs".to_owned(),
    };
    Exit::nothing(format!("nothing of `{}` {what}: {}", args.target, told.join(", "))).help(help)
}

/// Faults or heals the network of a pod; a sentence about it.
async fn network(
    lease: &dyn Lease,
    pods: &[Pod],
    target: Target,
    fault: Option<NetworkFault>,
    args: &FaultArgs,
) -> Result<String, Exit> {
    if target.container.is_some() {
        return Err(Exit::usage("both containers of a pod have one network").help("name the pod alone"));
    }
    let pod = target.pod;
    let mut peers = Vec::new();
    for name in &args.peers {
        match of_group(pods, name) {
            _ if pods.iter().any(|pod| pod.name == *name) => peers.push(name.clone()),
            group if group.is_empty() => return Err(no_pod(pods, name)),
            // Of its own group a pod means the others.
            group => peers.extend(group.into_iter().filter(|name| *name != pod)),
        }
    }
    if peers.contains(&pod) || (peers.is_empty() && !args.peers.is_empty()) {
        return Err(Exit::usage(format!("`{pod}` has no network to itself"))
            .help("name another pod with --peer, or leave it out to mean all others"));
    }
    let outcome = match fault {
        Some(fault) => lease.harm_network(&pod, &peers, fault).await,
        None => lease.heal_network(&pod).await,
    };
    outcome.map_err(|error| runtime_error(&error))?;
    let towards = match peers.as_slice() {
        [] => String::new(),
        peers => format!(" towards {}", peers.join(", ")),
    };
    Ok(format!("made the network of {pod} {}{towards}", args.action))
}
