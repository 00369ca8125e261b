//! What in a mesh is likely the cause of a failure: told with the failure, and no part of the verdict.

mod counted;
mod logged;
mod requests;

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;
use meshkat_model::mesh::Container;
use meshkat_runtime::{ContainerState, Pod};

use crate::mesh::{RunningMesh, seen::Seen};

/// More would hide the one that matters.
const MOST_HINTS: usize = 5;
/// The end of a log that is read.
const LOG: usize = 64 * 1024;
const ANSWER: Duration = Duration::from_secs(1);

/// What was so before a case began, on a mesh that other cases may have used.
#[derive(Default)]
pub(crate) struct Before {
    /// When the case began, as access logs write it.
    began: String,
    /// How the mesh was when it was last looked at.
    seen: Arc<Seen>,
}

impl Before {
    /// How the mesh is before a case, which was looked at.
    pub(crate) fn of(mesh: &RunningMesh) -> Self {
        Self {
            began: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            seen: mesh.last_seen(),
        }
    }
}

/// Sentences about what looks wrong, the likeliest cause first; nothing that was so before the case.
pub(crate) async fn diagnose(mesh: &RunningMesh, before: &Before) -> Vec<String> {
    let mut alike = Alike::default();
    for pod in mesh.pods().iter().filter(|pod| is_running(pod)) {
        unknown_services(mesh, pod, &mut alike).await;
        let seen = before.seen.pods.get(&pod.name).and_then(|pod| pod.counts.as_ref());
        counted::told(mesh, pod, seen.map(|counts| &counts.wrong), &mut alike).await;
    }
    // What somebody else did is in no step, and comes first.
    let mut hints = not_running(&mesh.pods(), ContainerState::is_paused_from_outside);
    hints.extend(alike.sentences());
    hints.extend(logged::errors(mesh, &before.seen).await);
    hints.extend(requests::refused_requests(mesh, &before.began).await);
    hints.extend(not_running(&mesh.pods(), |state| !state.is_paused_from_outside()));
    let more = hints.len().saturating_sub(MOST_HINTS);
    hints.truncate(MOST_HINTS);
    if more > 0 {
        hints.push(format!("+{more} more like these"));
    }
    hints
}

fn is_running(pod: &Pod) -> bool {
    matches!(pod.envoy, Some(ContainerState::Running { .. }))
}

/// What is so of several Envoys is one thing: the rest of the sentence, for one and for several, with the pods.
#[derive(Default)]
struct Alike(IndexMap<(String, String), Vec<String>>);

impl Alike {
    fn add(&mut self, pod: &str, one: String, several: String) {
        self.0.entry((one, several)).or_default().push(pod.to_owned());
    }

    fn sentences(self) -> Vec<String> {
        let sentence = |((one, several), pods): ((String, String), Vec<String>)| {
            let rest = if pods.len() == 1 { one } else { several };
            format!("{} {rest}", envoys_of(&pods))
        };
        self.0.into_iter().map(sentence).collect()
    }
}

/// `the Envoy of pet-1`, `the Envoys of pet-1, pet-2 and pet-3`.
fn envoys_of(pods: &[String]) -> String {
    match pods {
        [one] => format!("the Envoy of {one}"),
        [first @ .., last] => format!("the Envoys of {} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// Clusters that were asked for an endpoint, and that ask the discovery service for a service that it was never told of.
async fn unknown_services(mesh: &RunningMesh, pod: &Pod, alike: &mut Alike) {
    let known = mesh.registered_services();
    let eds = mesh.eds_clusters(&pod.group);
    let Ok(stats) = mesh.admin(pod).stats(Some("upstream_cx_none_healthy$"), ANSWER).await else {
        return;
    };
    let wanted = |cluster: &str| {
        stats
            .number(&format!("cluster.{cluster}.upstream_cx_none_healthy"))
            .is_some_and(|count| count > 0)
    };
    for eds in eds
        .iter()
        .filter(|eds| !known.contains(&eds.service) && wanted(&eds.cluster))
    {
        let rest = format!(
            "for the endpoints of `{}` (cluster `{}`), a service that the registry does not have; it has {}",
            eds.service,
            eds.cluster,
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        );
        alike.add(&pod.name, format!("asks {rest}"), format!("ask {rest}"));
    }
}

/// What does not run, of the states that are asked for, in one sentence.
fn not_running(pods: &[Pod], is_asked_for: fn(&ContainerState) -> bool) -> Vec<String> {
    let parts = pods.iter().flat_map(|pod| {
        Container::BOTH.into_iter().filter_map(move |container| {
            let state = pod.container(container).filter(|state| is_asked_for(state))?;
            (!matches!(state, ContainerState::Running { .. }))
                .then(|| format!("the {container} of {} {}", pod.name, state.predicate()))
        })
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        Vec::new()
    } else {
        vec![parts.join("; ")]
    }
}

#[cfg(test)]
mod tests {
    use super::{Alike, envoys_of};

    #[test]
    fn what_is_so_of_several_envoys_is_told_once() {
        let mut alike = Alike::default();
        for pod in ["a-1", "a-2", "b"] {
            alike.add(pod, "asks for x".to_owned(), "ask for x".to_owned());
        }
        alike.add("b", "asks for y".to_owned(), "ask for y".to_owned());
        assert_eq!(
            alike.sentences(),
            ["the Envoys of a-1, a-2 and b ask for x", "the Envoy of b asks for y"]
        );
        assert_eq!(envoys_of(&["a".to_owned(), "b".to_owned()]), "the Envoys of a and b");
    }
}
