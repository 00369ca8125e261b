//! What Envoys logged of their own that looks wrong.

use indexmap::IndexMap;
use meshkat_envoy::access;
use meshkat_model::{mesh::Container, shorten::shorten};

use super::alike::envoys_of;
use crate::mesh::{RunningMesh, seen::Seen};

/// So many of an Envoy's last errors are told, and of all Envoys together.
const LAST: usize = 2;
/// The longest error that is told whole, in characters.
const LONGEST: usize = 300;

/// The last errors that Envoys logged since the mesh was seen so: of all that logged the same, together.
pub(super) async fn errors(mesh: &RunningMesh, since: &Seen) -> Vec<String> {
    let mut alike: IndexMap<String, Vec<String>> = IndexMap::new();
    for pod in mesh.pods().iter().filter(|pod| pod.has_running_envoy()) {
        let from = since.pods.get(&pod.name).and_then(|pod| pod.envoy.as_ref());
        let from = from.map_or(0, |envoy| envoy.logged);
        let Ok((log, _)) = mesh.lease().log_since(&pod.name, Container::Envoy, from).await else {
            continue;
        };
        for error in last_errors(&String::from_utf8_lossy(&log)) {
            let pods = alike.entry(error).or_default();
            if !pods.contains(&pod.name) {
                pods.push(pod.name.clone());
            }
        }
    }
    let sentence = |(error, pods): (String, Vec<String>)| format!("{} logged: {error}", envoys_of(&pods));
    alike.into_iter().take(LAST).map(sentence).collect()
}

/// The last errors of a log.
fn last_errors(log: &str) -> Vec<String> {
    let errors: Vec<String> = access::split(log)
        .0
        .iter()
        .filter_map(|line| access::error(line))
        .collect();
    let last = errors.get(errors.len().saturating_sub(LAST)..).unwrap_or_default();
    last.iter().map(|error| shorten(error, LONGEST)).collect()
}

#[cfg(test)]
mod tests {
    use super::last_errors;

    #[test]
    fn the_last_errors_are_told() {
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
        assert_eq!(last_errors(&log), ["[critical][lua] number 4", "[error][lua] number 5"]);
        assert_eq!(last_errors(&line(2, "warning")), [""; 0]);
    }
}
