//! No Envoy refuses an update.

use std::collections::BTreeMap;

use meshkat_model::{invariant::Invariant, scenario::verb::Cause};

use super::breach::{Between, Breach, means};
use crate::mesh::seen::SeenNack;

/// By the counters of each Envoy, and by what the clients of the discovery service said to it.
pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let is_caused = |pod: &str, group: &str| {
        between.causes.iter().any(|cause| match cause {
            Cause::Nack(names) => names.is_empty() || means(names, pod, group),
            Cause::Restart(_) => false,
        })
    };
    let none = BTreeMap::new();
    let mut found = Vec::new();
    for (name, now, then) in between.pods().filter(|(name, now, _)| !is_caused(name, &now.group)) {
        let then = match then.filter(|then| now.has_same_envoy(then)) {
            // Another life counts from nothing.
            None => Some(&none),
            // Of one that did not say what it had counted nothing is known.
            Some(then) => then.counts.as_ref().map(|counts| &counts.rejected),
        };
        let told = said(between, name);
        let mut grown = Vec::new();
        if let (Some(now), Some(then)) = (&now.counts, then) {
            grown.extend(now.rejected.iter().filter_map(|(counter, after)| {
                let before = then.get(counter).copied().unwrap_or_default();
                (*after > before).then(|| format!("{counter} was {before} before the case and {after} after it"))
            }));
        }
        if grown.is_empty() && told.is_empty() {
            continue;
        }
        let parts: Vec<String> = grown.into_iter().chain(told).collect();
        let evidence = format!("the envoy of {name} refused an update: {}", parts.join("; "));
        found.push(Breach::of(Invariant::Nack, (name, now), evidence));
    }
    found
}

/// What a node said of responses that it refused, since the case began.
fn said(between: &Between<'_>, node: &str) -> Vec<String> {
    let new = between.after.nacks.difference(&between.before.nacks);
    let tell = |nack: &SeenNack| {
        format!(
            "over {} it said of {} {}: {}",
            nack.transport,
            nack.kind,
            nack.version,
            nack.message.trim()
        )
    };
    new.filter(|nack| nack.node == node).map(tell).collect()
}
