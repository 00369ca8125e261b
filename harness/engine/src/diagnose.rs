//! What in a mesh is likely the cause of a failure: told with the failure, and no part of the verdict.

use std::{collections::BTreeMap, time::Duration};

use meshkat_envoy::admin::Stat;
use meshkat_model::{mesh::Container, observation::shorten};
use meshkat_runtime::{ContainerState, Pod};
use serde::Deserialize;

use crate::mesh::RunningMesh;

/// More would hide the one that matters.
const MOST_HINTS: usize = 5;
/// The end of an access log that is read.
const LOG: usize = 64 * 1024;
const ANSWER: Duration = Duration::from_secs(1);

/// Sentences about what looks wrong, the likeliest cause first.
pub(crate) async fn diagnose(mesh: &RunningMesh) -> Vec<String> {
    let mut hints = Vec::new();
    for pod in mesh.pods() {
        if !matches!(pod.envoy, Some(ContainerState::Running { .. })) {
            continue;
        }
        hints.extend(unknown_services(mesh, &pod).await);
        hints.extend(rejected_updates(mesh, &pod).await);
    }
    hints.extend(refused_requests(mesh));
    hints.extend(not_running(&mesh.pods()));
    let more = hints.len().saturating_sub(MOST_HINTS);
    hints.truncate(MOST_HINTS);
    if more > 0 {
        hints.push(format!("+{more} more like these"));
    }
    hints
}

/// Clusters that were asked for an endpoint, and that ask the discovery service for a service that it was never told of.
async fn unknown_services(mesh: &RunningMesh, pod: &Pod) -> Vec<String> {
    let known = mesh.registered_services();
    let eds = mesh.eds_clusters(&pod.group);
    let Ok(stats) = mesh.admin(pod).stats(Some("upstream_cx_none_healthy$"), ANSWER).await else {
        return Vec::new();
    };
    let wanted = |cluster: &str| {
        stats
            .number(&format!("cluster.{cluster}.upstream_cx_none_healthy"))
            .is_some_and(|count| count > 0)
    };
    eds.iter()
        .filter(|eds| !known.contains(&eds.service) && wanted(&eds.cluster))
        .map(|eds| {
            format!(
                "the Envoy of {} asks for the endpoints of `{}` (cluster `{}`), a service that the registry does not have; it has {}",
                pod.name,
                eds.service,
                eds.cluster,
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )
        })
        .collect()
}

/// Configuration that Envoy would not take.
async fn rejected_updates(mesh: &RunningMesh, pod: &Pod) -> Vec<String> {
    let Ok(stats) = mesh.admin(pod).stats(Some("update_rejected$"), ANSWER).await else {
        return Vec::new();
    };
    stats
        .iter()
        .filter_map(|(name, stat)| match stat {
            Stat::Number(count) if *count > 0 => {
                Some(format!("the Envoy of {} rejected {count} updates ({name})", pod.name))
            }
            _ => None,
        })
        .collect()
}

/// A line of the access log of `envoy-configs/`.
#[derive(Debug, Deserialize)]
struct Access {
    listener: String,
    method: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    response_code: u16,
    response_code_details: Option<String>,
    response_flags: Option<String>,
}

/// Requests that an Envoy answered itself, or that failed behind it.
fn refused_requests(mesh: &RunningMesh) -> Vec<String> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for pod in mesh.pods().iter().filter(|pod| pod.envoy.is_some()) {
        let Ok(log) = mesh.lease().log(&pod.name, Container::Envoy, LOG) else {
            continue;
        };
        for access in log.lines().filter_map(|line| serde_json::from_str::<Access>(line).ok()) {
            let details = access.response_code_details.as_deref().unwrap_or("-");
            if access.response_code < 400 || details == "via_upstream" {
                continue;
            }
            let sentence = format!(
                "the Envoy of {} ({}) answered {} {} for {} with {}: {details}, flags {}",
                pod.name,
                access.listener,
                access.method.as_deref().unwrap_or("-"),
                access.path.as_deref().unwrap_or("-"),
                access.authority.as_deref().unwrap_or("-"),
                access.response_code,
                access.response_flags.as_deref().unwrap_or("-"),
            );
            *counted.entry(shorten(&sentence, 300)).or_default() += 1;
        }
    }
    let mut counted: Vec<(String, usize)> = counted.into_iter().collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted
        .into_iter()
        .map(|(sentence, count)| {
            if count > 1 {
                format!("{sentence} ({count} times)")
            } else {
                sentence
            }
        })
        .collect()
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
