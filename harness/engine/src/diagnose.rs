//! What in a mesh is likely the cause of a failure: told with the failure, and no part of the verdict.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use indexmap::IndexMap;
use meshkat_envoy::{access::Access, admin::Stat};
use meshkat_model::{mesh::Container, shorten::shorten};
use meshkat_runtime::{ContainerState, Pod};

use crate::mesh::RunningMesh;

/// More would hide the one that matters.
const MOST_HINTS: usize = 5;
/// The end of an access log that is read.
const LOG: usize = 64 * 1024;
const ANSWER: Duration = Duration::from_secs(1);

/// What was so before a case began, on a mesh that other cases may have used.
pub(crate) struct Before {
    /// When the case began, as access logs write it.
    began: String,
    /// How many updates each pod's Envoy had rejected, by the counter's name.
    rejected: HashMap<(String, String), u64>,
}

impl Before {
    /// How the mesh was when it was last looked at, and that it is now.
    pub(crate) fn of(mesh: &RunningMesh) -> Self {
        let began = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let mut rejected = HashMap::new();
        for (pod, seen) in &mesh.last_seen().pods {
            let counts = seen.counts.iter().flat_map(|counts| &counts.rejected);
            rejected.extend(counts.map(|(name, count)| ((pod.clone(), name.clone()), *count)));
        }
        Self { began, rejected }
    }

    /// Of a mesh that no case has come to.
    pub(crate) fn nothing() -> Self {
        Self {
            began: String::new(),
            rejected: HashMap::new(),
        }
    }
}

/// Sentences about what looks wrong, the likeliest cause first; nothing that was so before the case.
pub(crate) async fn diagnose(mesh: &RunningMesh, before: &Before) -> Vec<String> {
    let mut alike = Alike::default();
    for pod in mesh.pods().iter().filter(|pod| is_running(pod)) {
        unknown_services(mesh, pod, &mut alike).await;
        rejected_updates(mesh, pod, before, &mut alike).await;
    }
    let mut hints = alike.sentences();
    hints.extend(refused_requests(mesh, &before.began).await);
    hints.extend(not_running(&mesh.pods()));
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

/// How often an Envoy has rejected what each counter counts.
async fn rejections(mesh: &RunningMesh, pod: &Pod) -> Vec<(String, u64)> {
    let Ok(stats) = mesh.admin(pod).stats(Some("update_rejected$"), ANSWER).await else {
        return Vec::new();
    };
    let counts = stats.iter().filter_map(|(name, stat)| match stat {
        Stat::Number(count) if *count > 0 => Some((name.to_owned(), *count)),
        _ => None,
    });
    counts.collect()
}

/// Configuration that Envoy would not take.
async fn rejected_updates(mesh: &RunningMesh, pod: &Pod, before: &Before, alike: &mut Alike) {
    for (name, count) in rejections(mesh, pod).await {
        let key = (pod.name.clone(), name);
        let count = count - before.rejected.get(&key).copied().unwrap_or_default().min(count);
        if count > 0 {
            let rest = format!("rejected {count} updates ({})", key.1);
            alike.add(&pod.name, rest.clone(), format!("each {rest}"));
        }
    }
}

/// Requests that failed alike: who answered them, how often, and in how many milliseconds.
#[derive(Default)]
struct Failures {
    pods: Vec<String>,
    count: usize,
    shortest: Option<u64>,
    longest: Option<u64>,
}

/// Requests that an Envoy answered itself, or that failed behind it, since the case began.
async fn refused_requests(mesh: &RunningMesh, began: &str) -> Vec<String> {
    let pods = mesh.pods();
    let mut alike: IndexMap<(String, String), Failures> = IndexMap::new();
    for pod in pods.iter().filter(|pod| pod.envoy.is_some()) {
        let Ok(log) = mesh.lease().log(&pod.name, Container::Envoy, LOG).await else {
            continue;
        };
        for access in log.lines().filter_map(|line| mesh.read_access(&pod.group, line)) {
            let is_earlier = access.start.as_deref().is_some_and(|start| start < began);
            let Some(code) = access.code.filter(|_| is_refused(&access) && !is_earlier) else {
                continue;
            };
            let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let listener = access.listener.as_ref().map(|name| format!("({name}) "));
            // Where the format has no details, its flags have to do.
            let sentence = format!(
                "{}answered {} {} for {} with {code}: {}, flags {}",
                listener.unwrap_or_default(),
                or_none(&access.method),
                or_none(&access.path),
                or_none(&access.authority),
                or_none(&access.details),
                or_none(&access.flags),
            );
            let failures = alike
                .entry((shorten(&sentence, 300), asked(&access, &pods)))
                .or_default();
            failures.count += 1;
            if !failures.pods.contains(&pod.name) {
                failures.pods.push(pod.name.clone());
            }
            failures.shortest = access.duration_ms.into_iter().chain(failures.shortest).min();
            failures.longest = access.duration_ms.into_iter().chain(failures.longest).max();
        }
    }
    let mut alike: Vec<_> = alike.into_iter().collect();
    alike.sort_by_key(|(_, failures)| std::cmp::Reverse(failures.count));
    let sentence = |((sentence, asked), failures): ((String, String), Failures)| {
        let after = match (failures.shortest, failures.longest) {
            (Some(shortest), Some(longest)) if shortest != longest => format!(", after {shortest} to {longest} ms"),
            (Some(shortest), _) => format!(", after {shortest} ms"),
            _ => String::new(),
        };
        let times = match failures.count {
            1 => String::new(),
            count => format!(" ({count} times)"),
        };
        format!("{} {sentence}{asked}{after}{times}", envoys_of(&failures.pods))
    };
    alike.into_iter().map(sentence).collect()
}

/// Whether the Envoy answered itself, or could not answer. A format without details tells that by its flags.
fn is_refused(access: &Access) -> bool {
    let by_itself = match (&access.details, &access.flags) {
        (Some(details), _) => details != "via_upstream",
        (None, flags) => flags.is_some(),
    };
    access.code.is_some_and(|code| code >= 400) && by_itself
}

/// Whom an Envoy asked, and where, as far as it came to that and the format tells it.
fn asked(access: &Access, pods: &[Pod]) -> String {
    let host = access.upstream.as_deref().map(|host| match host.parse::<SocketAddr>() {
        Ok(socket) => match pods.iter().find(|pod| pod.address == socket.ip()) {
            Some(pod) => format!("{} at {host}", pod.name),
            None => host.to_owned(),
        },
        Err(_) => host.to_owned(),
    });
    match (host, &access.cluster) {
        (Some(host), Some(cluster)) => format!(", asking {host} (cluster `{cluster}`)"),
        (Some(host), None) => format!(", asking {host}"),
        (None, Some(cluster)) => format!(", cluster `{cluster}`"),
        (None, None) => String::new(),
    }
}

fn not_running(pods: &[Pod]) -> Vec<String> {
    let parts = pods.iter().flat_map(|pod| {
        Container::BOTH.into_iter().filter_map(move |container| {
            let state = pod.container(container)?;
            (!matches!(state, ContainerState::Running { .. }))
                .then(|| format!("the {container} of {} is {state}", pod.name))
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
