//! What in a mesh is likely the cause of a failure: told with the failure, and no part of the verdict.

mod alike;
mod counted;
mod logged;
mod requests;
mod unknown;

use std::sync::Arc;

use meshkat_model::mesh::Container;
use meshkat_runtime::{ContainerState, Pod};

use self::alike::Alike;
use crate::mesh::{RunningMesh, seen::Seen};

/// More would hide the one that matters.
const MOST_HINTS: usize = 5;

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
    for pod in mesh.pods().iter().filter(|pod| pod.has_running_envoy()) {
        unknown::services(mesh, pod, &mut alike).await;
        let seen = before.seen.pods.get(&pod.name).and_then(|pod| pod.counts.as_ref());
        counted::told(mesh, pod, seen.map(|counts| &counts.wrong), &mut alike).await;
    }
    // What somebody else did is in no step, and comes first.
    let mut hints = not_running(&mesh.pods(), is_by_nobody_here);
    hints.extend(alike.sentences());
    hints.extend(logged::errors(mesh, &before.seen).await);
    hints.extend(requests::refused_requests(mesh, &before.began).await);
    hints.extend(not_running(&mesh.pods(), |state| !is_by_nobody_here(state)));
    let more = hints.len().saturating_sub(MOST_HINTS);
    hints.truncate(MOST_HINTS);
    if more > 0 {
        hints.push(format!("+{more} more like these"));
    }
    hints
}

/// Whether no step, and nobody by a command of ours, made it so.
fn is_by_nobody_here(state: &ContainerState) -> bool {
    state.is_paused_from_outside() || state.is_crashed()
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
