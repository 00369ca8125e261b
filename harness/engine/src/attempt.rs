//! One attempt at a case on a mesh that runs: its steps, what must hold after them, and why it did not hold.

use std::time::Duration;

use meshkat_driver::Client;
use meshkat_model::{case::Case, results::Status};

use crate::{
    case::{Attempt, CaseRun},
    diagnose::{Before, diagnose},
    invariants,
    machine::Watch,
    mesh::RunningMesh,
    options::Keep,
    sink::Sink,
};

/// How long the Envoys may take to write down what they have answered, before a failure is explained. They do so every
/// 50 ms.
const ACCESS_LOGGED: Duration = Duration::from_millis(500);

/// Runs the steps of a case, and judges the invariants. Whether evidence of it is to be kept is told, too.
pub(crate) async fn attempt(
    running: &RunningMesh,
    case: &Case,
    keep: Keep,
    watch: &Watch,
    sink: &Sink,
) -> (Attempt, bool) {
    running.is_to_be_used().await;
    let before = Before::of(running);
    // What came late before was nobody's promise.
    running.take_late();
    let client = Client::new();
    let tally = client.tally();
    let mut attempt = CaseRun::new(running, case, client, watch).run(sink).await;
    if attempt.void.is_some() {
        // It proves nothing, and its mesh is given back.
        return (attempt, false);
    }
    let broken = invariants::judge(running, case, &tally, &mut attempt, sink).await;
    let keep = match keep {
        Keep::Never => false,
        Keep::Failed => attempt.status != Status::Passed,
        Keep::Always => true,
    };
    if keep || attempt.failure.is_some() {
        running.lease().look_again().await;
        running.access_logged(ACCESS_LOGGED).await;
    }
    if let Some(failure) = &mut attempt.failure {
        failure.hints = by_others(running);
        failure.hints.extend(diagnose(running, &before).await);
        failure.hints.extend(broken);
        failure.hints.extend(reused(running));
    }
    running.was_used_by(&case.id);
    (attempt, keep)
}

/// What somebody did to the mesh from outside: no step of the case did it, and it comes before all other causes.
pub(crate) fn by_others(mesh: &RunningMesh) -> Vec<String> {
    let done = mesh.lease().done_by_hand();
    if done.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "somebody else has changed this mesh from outside: {}; run the case again",
        done.join("; ")
    )]
}

/// That others had used the mesh before, how often it was repaired, and that it had other pods: whoever reads of a failure should be able to rule it out.
fn reused(mesh: &RunningMesh) -> Option<String> {
    let before = mesh.used_by();
    let last = before.last()?;
    let others = match before.len() - 1 {
        0 => String::new(),
        1 => " and one other".to_owned(),
        others => format!(" and {others} others"),
    };
    let repaired = match mesh.repairs() {
        0 => String::new(),
        1 => "; it was repaired once".to_owned(),
        times => format!("; it was repaired {times} times"),
    };
    let scaled = match mesh.scalings() {
        0 => String::new(),
        1 => "; it had other numbers of pods before, and was scaled once".to_owned(),
        times => format!("; it had other numbers of pods before, and was scaled {times} times"),
    };
    Some(format!(
        "this mesh had been used before, by {last}{others}{repaired}{scaled}: `--share never` gives each case a new one, and so does `share: \
         never` in its file"
    ))
}
