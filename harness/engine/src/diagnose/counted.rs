//! What Envoys counted that looks wrong.

use std::collections::BTreeMap;

use meshkat_model::shorten::shorten;
use meshkat_runtime::Pod;

use super::alike::Alike;
use crate::mesh::{
    ANSWER, RunningMesh,
    seen::{NO_TLS, REFUSED, REJECTED, UNSAID},
};

/// Counters by their names; none of them is 0.
pub(super) type Counts = BTreeMap<String, u64>;

/// More would not be read.
const MOST_COUNTERS: usize = 6;

/// What it counted since.
fn since(now: Counts, before: Option<&Counts>) -> Counts {
    let earlier = |name: &str| before.and_then(|before| before.get(name)).copied().unwrap_or_default();
    let more = now.into_iter().map(|(name, count)| {
        // An Envoy that was started again counts from 0.
        let more = count.checked_sub(earlier(&name)).unwrap_or(count);
        (name, more)
    });
    more.filter(|(_, more)| *more > 0).collect()
}

/// Tells what a pod's Envoy counted since.
pub(super) async fn told(mesh: &RunningMesh, pod: &Pod, before: Option<&Counts>, alike: &mut Alike) {
    let now = mesh.counts(pod).await.unwrap_or_default().wrong;
    let counted = since(now, before);
    let ending = |end: &'static str| counted.iter().filter(move |(name, _)| name.ends_with(end));
    for (name, count) in ending(REJECTED) {
        let rest = format!("rejected {count} updates ({name})");
        alike.add(&pod.name, rest.clone(), format!("each {rest}"));
    }
    for (name, count) in ending(NO_TLS).filter(|(name, _)| name.starts_with("listener.")) {
        let listener = listener(mesh, pod, name).await;
        let rest = format!("TLS at {listener}; connections that had none, or broke in its handshake: {count} ({name})");
        alike.add(&pod.name, format!("expects {rest}"), format!("expect {rest}"));
    }
    for (name, count) in ending(NO_TLS).filter(|(name, _)| name.starts_with("cluster.")) {
        let rest = format!(
            "TLS broke in the handshake with {count} upstream connections, or the other side speaks none ({name})"
        );
        alike.add(&pod.name, format!("says: {rest}"), format!("say: {rest}"));
    }
    for (end, what) in UNSAID {
        for (name, count) in ending(end) {
            let rest = format!("{what}: {count} ({name})");
            alike.add(&pod.name, format!("had {rest}"), format!("had {rest}"));
        }
    }
    if mesh.keeps_access_log(&pod.group) {
        return;
    }
    // What a listener counts of HTTP, its connection manager counts as well.
    let of_http = counted.iter().filter(|(name, _)| !name.starts_with("listener."));
    let refused = of_http.filter(|(name, _)| REFUSED.iter().any(|end| name.ends_with(end)));
    let mut refused: Vec<String> = refused.map(|(name, count)| format!("{name} {count}")).collect();
    if !refused.is_empty() {
        refused.truncate(MOST_COUNTERS);
        let rest = format!("no access log; counted were {}", shorten(&refused.join(", "), 500));
        alike.add(&pod.name, format!("has {rest}"), format!("have {rest}"));
    }
}

/// The name of the listener that counts under this name, and its port; as the counter names it, where its Envoy does not say.
async fn listener(mesh: &RunningMesh, pod: &Pod, counter: &str) -> String {
    let middle = counter
        .strip_prefix("listener.")
        .and_then(|rest| rest.strip_suffix(NO_TLS));
    let prefix = middle.unwrap_or(counter);
    let listeners = mesh.admin(pod).listeners(ANSWER).await.unwrap_or_default();
    let found = listeners
        .into_iter()
        .find(|(_, address)| address.to_string().replace(':', "_") == prefix);
    match found {
        Some((name, address)) => format!("its listener `{name}` (port {})", address.port()),
        None => format!("its listener `{prefix}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, since};

    #[test]
    fn what_was_counted_before_is_not_told() {
        let counts = |all: &[(&str, u64)]| {
            all.iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect::<Counts>()
        };
        let now = counts(&[("a", 3), ("b", 2), ("c", 1), ("again", 2)]);
        let before = counts(&[("a", 1), ("b", 2), ("again", 9)]);
        assert_eq!(
            since(now.clone(), Some(&before)),
            counts(&[("a", 2), ("c", 1), ("again", 2)])
        );
        assert_eq!(since(now.clone(), None), now);
    }
}
