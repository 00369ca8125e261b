//! `meshkat sync`: whether the Envoys of a mesh have what its discovery service intends for them.

mod look;

use std::time::{Duration, Instant};

use meshkat_model::suggest::did_you_mean;
use meshkat_runtime::{
    Pod,
    run::{default_state_dir, live_runs, run_folder},
};
use meshkat_sync::{Row, Status};
use tabled::{builder::Builder, settings::Style};

use super::running;
use crate::{
    args::{SyncArgs, SyncFormat},
    backend::{attach, runtime_error},
    exit::{Exit, FAILED, count},
    output::{print, print_json, say},
};

/// How long between two looks, where all are waited for to be in sync.
const AGAIN: Duration = Duration::from_millis(50);

pub(crate) async fn run(args: &SyncArgs) -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let runs = live_runs(&state_dir).map_err(|error| runtime_error(&error))?;
    let run = running::choose(&runs, args.mesh.as_deref())?;
    let lease = attach(run).await?;
    let pods = chosen(&lease.pods(), &args.pods)?;
    let mesh = look::Mesh::new(&*lease, run_folder(&state_dir, &run.id), &pods)?;
    let rows = settled(&mesh, args.within).await?;
    if rows.is_empty() {
        return Err(
            Exit::nothing("none of the Envoys asks the discovery service for anything")
                .help("`meshkat status` shows the pods"),
        );
    }
    match args.format {
        SyncFormat::Table => {
            print(&format!("{}\n", table(&rows)));
            say(&summary(&rows, &pods));
        }
        SyncFormat::Json => {
            let json = serde_json::to_value(&rows)
                .map_err(|error| Exit::environment(format!("failed to write JSON: {error}")))?;
            print_json(json, true);
        }
    }
    if rows.iter().all(|row| row.status == Status::Synced) {
        Ok(())
    } else {
        Err(Exit::silent(FAILED))
    }
}

/// Looks until all is in sync, or the time is over; then it is as it is.
async fn settled(mesh: &look::Mesh<'_>, within: Duration) -> Result<Vec<Row>, Exit> {
    let deadline = Instant::now() + within;
    loop {
        let seen = mesh.rows().await;
        let is_settled = matches!(&seen, Ok(rows) if rows.iter().all(|row| row.status == Status::Synced));
        if is_settled || Instant::now() >= deadline {
            return seen;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The pods that the words mean, in the mesh's order; without words, all that have an Envoy.
fn chosen(all: &[Pod], words: &[String]) -> Result<Vec<Pod>, Exit> {
    let with_envoy: Vec<&Pod> = all.iter().filter(|pod| pod.envoy.is_some()).collect();
    let names = || {
        with_envoy
            .iter()
            .flat_map(|pod| [pod.name.as_str(), pod.group.as_str()])
    };
    let means = |word: &str, pod: &Pod| pod.name == word || pod.group == word;
    for word in words {
        if with_envoy.iter().any(|pod| means(word, pod)) {
            continue;
        }
        let problem = if all.iter().any(|pod| means(word, pod)) {
            format!("the pod `{word}` has no Envoy")
        } else {
            format!("there is no pod `{word}`")
        };
        return Err(Exit::usage(problem).help(did_you_mean(word, names())));
    }
    let chosen = with_envoy
        .iter()
        .filter(|pod| words.is_empty() || words.iter().any(|word| means(word, pod)));
    Ok(chosen.map(|pod| (*pod).clone()).collect())
}

fn table(rows: &[Row]) -> String {
    let mut table = Builder::default();
    table.push_record(["pod", "transport", "type", "status", "detail"]);
    for row in rows {
        table.push_record([
            row.pod.as_str(),
            row.transport.name(),
            row.topic.name(),
            row.status.name(),
            &row.detail,
        ]);
    }
    table.build().with(Style::sharp()).to_string()
}

/// `all 3 in sync`, or `1 of 3 in sync: 1 STALE, 1 REJECTED`.
fn summary(rows: &[Row], pods: &[Pod]) -> String {
    let number = |status| rows.iter().filter(|row| row.status == status).count();
    let synced = number(Status::Synced);
    let mut text = if synced == rows.len() {
        format!("all {synced} in sync")
    } else {
        let others = Status::ALL.into_iter().filter(|status| *status != Status::Synced);
        let others: Vec<String> = others
            .map(|status| (number(status), status))
            .filter(|(number, _)| *number > 0)
            .map(|(number, status)| format!("{number} {status}"))
            .collect();
        format!("{synced} of {} in sync: {}", rows.len(), others.join(", "))
    };
    let silent = pods
        .iter()
        .filter(|pod| !rows.iter().any(|row| row.pod == pod.name))
        .count();
    if silent > 0 {
        let verb = if silent == 1 { "asks" } else { "ask" };
        text += &format!("; {} {verb} for nothing", count(silent, "Envoy"));
    }
    text
}
