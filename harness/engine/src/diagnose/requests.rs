//! What access logs say of requests that an Envoy answered itself, or that failed behind it.

use std::net::SocketAddr;

use indexmap::IndexMap;
use meshkat_envoy::access::Access;
use meshkat_model::{mesh::Container, shorten::shorten};
use meshkat_runtime::Pod;

use super::alike::envoys_of;
use crate::mesh::RunningMesh;

/// The end of a log that is read.
const LOG: usize = 64 * 1024;

/// Requests that failed alike: who answered them, how often, and in how many milliseconds.
#[derive(Default)]
struct Failures {
    pods: Vec<String>,
    count: usize,
    shortest: Option<u64>,
    longest: Option<u64>,
}

/// Requests that an Envoy answered itself, or that failed behind it, since the case began.
pub(super) async fn refused_requests(mesh: &RunningMesh, began: &str) -> Vec<String> {
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
