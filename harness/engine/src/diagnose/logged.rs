//! What Envoys logged of their own that looks wrong.

use std::collections::HashMap;

use indexmap::IndexMap;
use meshkat_envoy::access;
use meshkat_model::{mesh::Container, shorten::shorten};
use meshkat_runtime::Pod;

use super::{LOG, envoys_of, is_running};
use crate::mesh::RunningMesh;

/// So many of an Envoy's last errors are told, and of all Envoys together.
const LAST: usize = 2;
/// The longest error that is told whole, in characters.
const LONGEST: usize = 300;

async fn log(mesh: &RunningMesh, pod: &Pod) -> Option<String> {
    mesh.lease().log(&pod.name, Container::Envoy, LOG).await.ok()
}

/// The last line of a pod's Envoy that is no access log's.
pub(super) async fn last(mesh: &RunningMesh, pod: &Pod) -> Option<String> {
    let log = log(mesh, pod).await?;
    access::split(&log).0.last().map(|line| (*line).to_owned())
}

/// The last errors that Envoys logged after those lines: of all that logged the same, together.
pub(super) async fn errors(mesh: &RunningMesh, after: &HashMap<String, String>) -> Vec<String> {
    let mut alike: IndexMap<String, Vec<String>> = IndexMap::new();
    for pod in mesh.pods().iter().filter(|pod| is_running(pod)) {
        let Some(log) = log(mesh, pod).await else { continue };
        for error in last_errors(&log, after.get(&pod.name)) {
            let pods = alike.entry(error).or_default();
            if !pods.contains(&pod.name) {
                pods.push(pod.name.clone());
            }
        }
    }
    let sentence = |(error, pods): (String, Vec<String>)| format!("{} logged: {error}", envoys_of(&pods));
    alike.into_iter().take(LAST).map(sentence).collect()
}

/// The last errors of a log that came after a line of it. A log in which that line is not any more has gone on far beyond it.
fn last_errors(log: &str, after: Option<&String>) -> Vec<String> {
    let own = access::split(log).0;
    let known = after.and_then(|last| own.iter().rposition(|line| line == last));
    let new = own.get(known.map_or(0, |at| at + 1)..).unwrap_or_default();
    let errors: Vec<String> = new.iter().filter_map(|line| access::error(line)).collect();
    let last = errors.get(errors.len().saturating_sub(LAST)..).unwrap_or_default();
    last.iter().map(|error| shorten(error, LONGEST)).collect()
}

#[cfg(test)]
mod tests {
    use super::last_errors;

    #[test]
    fn the_last_errors_since_are_told() {
        let line = |number: u32, level: &str| {
            format!("[2026-11-29 10:14:52.{number:03}][7][{level}][lua] [a.cc:1] number {number}\n")
        };
        let log = [
            line(1, "error"),
            line(2, "warning"),
            line(3, "error"),
            line(4, "critical"),
            line(5, "error"),
        ]
        .concat();
        let told = |after: Option<&str>| last_errors(&log, after.map(|line| line.trim_end().to_owned()).as_ref());
        let last = ["[critical][lua] number 4", "[error][lua] number 5"];
        assert_eq!(told(None), last);
        assert_eq!(told(Some(&line(2, "warning"))), last);
        assert_eq!(told(Some(&line(4, "critical"))), last[1..]);
        assert_eq!(told(Some(&line(5, "error"))), [""; 0]);
        assert_eq!(told(Some(&line(9, "error"))), last, "the log has gone on");
    }
}
