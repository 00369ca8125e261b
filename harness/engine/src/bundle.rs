//! What a failed case leaves to look at: what every pod and its Envoy said.

use std::time::Duration;

use futures::future::join_all;
use meshkat_model::{event::Artifact, mesh::Container};
use meshkat_runtime::{ContainerState, Pod};

use crate::mesh::RunningMesh;

/// How long an Envoy may take for a dump; a hung one must not hold up the run.
const ANSWER: Duration = Duration::from_secs(2);
/// The end of a log that is kept.
const LOG: usize = 1 << 20;

/// The files of every pod: logs, access log, and the Envoy's dumps.
pub(crate) async fn collect(mesh: &RunningMesh) -> Vec<Artifact> {
    let pods = mesh.pods();
    let mut files = vec![Artifact {
        path: "pods.txt".to_owned(),
        text: roster(&pods),
    }];
    files.extend(
        join_all(pods.iter().map(|pod| of_pod(mesh, pod)))
            .await
            .into_iter()
            .flatten(),
    );
    files
}

fn roster(pods: &[Pod]) -> String {
    let state = |state: &Option<ContainerState>| state.as_ref().map_or("none".to_owned(), ToString::to_string);
    pods.iter()
        .map(|pod| {
            format!(
                "{}\t{}\tapplication: {}\tenvoy: {}\n",
                pod.name,
                pod.address,
                state(&pod.application),
                state(&pod.envoy)
            )
        })
        .collect()
}

async fn of_pod(mesh: &RunningMesh, pod: &Pod) -> Vec<Artifact> {
    let file = |name: &str, text: String| Artifact {
        path: format!("{}/{name}", pod.name),
        text,
    };
    let log = |container| {
        mesh.lease()
            .log(&pod.name, container, LOG)
            .unwrap_or_else(|error| format!("{error}\n"))
    };
    let mut files = Vec::new();
    if pod.application.is_some() {
        files.push(file("application.log", log(Container::Application)));
    }
    if pod.envoy.is_none() {
        return files;
    }
    // Envoy's access log is JSON on its standard output, its own log is text: both come in one stream.
    let all = log(Container::Envoy);
    let (access, own): (Vec<&str>, Vec<&str>) = all.lines().partition(|line| line.starts_with('{'));
    files.push(file("envoy.log", own.join("\n")));
    files.push(file("access.log", access.join("\n")));
    if !matches!(pod.envoy, Some(ContainerState::Running { .. })) {
        return files;
    }
    let admin = mesh.admin(pod);
    let dumps = [
        ("config_dump.json", "/config_dump?include_eds"),
        ("clusters.json", "/clusters?format=json"),
        ("stats.txt", "/stats"),
        ("server_info.json", "/server_info"),
    ];
    for (name, path) in dumps {
        let text = admin
            .raw(path, ANSWER)
            .await
            .unwrap_or_else(|error| format!("{error}\n"));
        files.push(file(name, text));
    }
    files
}
