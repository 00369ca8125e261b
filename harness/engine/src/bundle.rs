//! What a failed case leaves to look at: what every pod and its Envoy said.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use meshkat_envoy::access;
use meshkat_model::{event::Artifact, mesh::Container};
use meshkat_runtime::{ContainerState, Pod};

use crate::mesh::RunningMesh;

/// How long an Envoy may take for a dump; a hung one must not hold up the run.
const ANSWER: Duration = Duration::from_secs(2);
/// The end of a log that is kept.
const LOG: usize = 1 << 20;
/// How many pods are asked at the same time: each may answer with a lot.
const AT_ONCE: usize = 4;
/// How much is kept of a case, in bytes.
const MOST: usize = 128 << 20;

/// The files of every pod: logs, access log, and the Envoy's dumps.
pub(crate) async fn collect(mesh: &RunningMesh) -> Vec<Artifact> {
    let pods = mesh.pods();
    let mut files = vec![Artifact {
        path: "pods.txt".to_owned(),
        text: roster(&pods),
    }];
    let all = stream::iter(pods.iter().map(|pod| of_pod(mesh, pod)));
    let all: Vec<Vec<Artifact>> = all.buffered(AT_ONCE).collect().await;
    files.extend(all.into_iter().flatten());
    bounded(files, MOST)
}

/// The files, as far as they have `most` bytes together. In the place of what is beyond that stands that it is.
fn bounded(mut files: Vec<Artifact>, most: usize) -> Vec<Artifact> {
    let mut rest = most;
    for file in &mut files {
        match rest.checked_sub(file.text.len()) {
            Some(left) => rest = left,
            None => {
                file.text = format!(
                    "not kept: {} bytes, and the files of a case have up to {most} together\n",
                    file.text.len()
                );
            }
        }
    }
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
    let log = async |container| {
        let log = mesh.lease().log(&pod.name, container, LOG).await;
        log.unwrap_or_else(|error| format!("{error}\n"))
    };
    let mut files = Vec::new();
    if pod.application.is_some() {
        files.push(file("application.log", log(Container::Application).await));
    }
    if pod.envoy.is_none() {
        return files;
    }
    // Envoy's access log, in whatever format, and its own log come in one stream.
    let all = log(Container::Envoy).await;
    let (own, access) = access::split(&all);
    files.push(file("envoy.log", own.join("\n")));
    files.push(file("access.log", access.join("\n")));
    if !pod.has_running_envoy() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_together_is_told_and_not_kept() {
        let file = |path: &str, bytes: usize| Artifact {
            path: path.to_owned(),
            text: "x".repeat(bytes),
        };
        let files = bounded(vec![file("a", 60), file("b", 60), file("c", 40), file("d", 1)], 100);
        let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(texts[0].len(), 60);
        assert_eq!(
            texts[1],
            "not kept: 60 bytes, and the files of a case have up to 100 together\n"
        );
        assert_eq!(texts[2].len(), 40, "what still fits is kept");
        assert!(texts[3].starts_with("not kept: 1 bytes"));
    }
}
