//! `meshkat status`: the meshes that run.

use std::time::Duration;

use meshkat_envoy::admin::{Admin, Ready};
use meshkat_model::mesh::Port;
use meshkat_runtime::{
    ContainerState, InstanceId, Printable,
    run::{LOG_LIMIT, Ledger, RuntimeName, authorization_file, default_state_dir, live_runs, run_folder},
};
use tabled::{builder::Builder, settings::Style};

use super::up::MARK;
use crate::{
    backend::{attach, runtime_error},
    exit::Exit,
    output::{print, say},
};

const ANSWER: Duration = Duration::from_secs(1);

pub(crate) async fn run() -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let runs = live_runs(&state_dir).map_err(|error| runtime_error(&error))?;
    if runs.is_empty() {
        say("no mesh runs; `meshkat up` starts one");
    }
    for run in runs {
        let folder = run_folder(&state_dir, &run.id);
        let by = if folder.join(MARK).exists() { "up" } else { "a test run" };
        let place = match run.runtime {
            RuntimeName::Process => "",
            RuntimeName::Docker => " in Docker",
        };
        print(&format!(
            "{}: mesh {}{place}, started by {by} (process {}), addresses {}\n",
            run.id,
            Printable(&run.mesh),
            run.owner.pid,
            Printable(&run.block)
        ));
        print(&format!("{}\n", pods(&run).await));
        print(&format!(
            "logs in {}; of each the last {} MiB and what came within as many before are kept\n",
            Printable(&folder.join("logs").to_string_lossy()),
            LOG_LIMIT >> 20
        ));
        let header = authorization_file(&folder);
        if header.exists() {
            print(&format!(
                "to write to an application or to sds: curl -H @{}\n",
                Printable(&header.to_string_lossy())
            ));
        }
    }
    Ok(())
}

/// The table of a mesh's pods, or why there is none.
async fn pods(run: &Ledger) -> String {
    let lease = match attach(run).await {
        Ok(lease) => lease,
        Err(exit) => return format!("its pods cannot be looked at: {}", exit.message()),
    };
    let mut rows = Builder::default();
    rows.push_record(["pod", "address", "application", "envoy"]);
    for pod in lease.pods() {
        let application = state(&pod.application).map_or_else(|instance| instance.to_string(), str::to_owned);
        let envoy = match state(&pod.envoy) {
            Ok(state) => state.to_owned(),
            Err(_) => match Admin::new(pod.socket(Port::Admin)) {
                Ok(admin) => match admin.ready(ANSWER).await {
                    Ready::Live => "LIVE".to_owned(),
                    Ready::NotReady(state) => state,
                    Ready::Unreachable(why) => format!("unreachable: {why}"),
                },
                Err(error) => error.to_string(),
            },
        };
        rows.push_record([
            Printable(&pod.name).to_string(),
            pod.address.to_string(),
            application,
            envoy,
        ]);
    }
    rows.build().with(Style::sharp()).to_string()
}

/// What is told of a container that does not run, or stands still.
///
/// # Errors
/// It runs: its life.
fn state(state: &Option<ContainerState>) -> Result<&'static str, &InstanceId> {
    match state {
        None | Some(ContainerState::NotStarted) => Ok("-"),
        Some(ContainerState::Exited { .. }) => Ok("ended"),
        Some(ContainerState::Paused { .. }) => Ok("paused"),
        Some(ContainerState::Running { instance }) => Err(instance),
    }
}
