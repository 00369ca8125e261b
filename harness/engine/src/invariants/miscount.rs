//! An Envoy counts the requests that clients sent to it.

use meshkat_model::invariant::Invariant;

use super::breach::{Between, Breach};
use crate::mesh::seen::SeenPod;

/// A request that was answered was counted. One that was given up may have been counted, or not, or will be when the next case runs.
/// Others than clients send to an Envoy as well, but to that of an edge.
pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    for (name, now, then) in between.pods() {
        let Some(then) = then.filter(|then| now.has_same_envoy(then)) else {
            continue;
        };
        let requests = |pod: &SeenPod| pod.counts.as_ref().map(|counts| counts.requests);
        let (Some(Some(after)), Some(before)) = (requests(now), requests(then)) else {
            continue;
        };
        let before = before.unwrap_or_default();
        let counted = after.saturating_sub(before);
        let (answered, sent) = (now.sent.answered, now.sent.requests + then.owed);
        let wrong = if counted < answered {
            format!("clients had {answered} answers of it")
        } else if now.is_edge && counted > sent {
            format!("clients sent it {sent}, and nobody else knows where it is")
        } else {
            continue;
        };
        let evidence = format!(
            "the envoy of {name} counted {counted} requests (downstream_rq_total was {before} before the case and {after} after it), \
             but {wrong}"
        );
        found.push(Breach::of(Invariant::Miscount, (name, now), evidence));
    }
    found
}
