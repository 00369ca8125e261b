//! What is seen of each container of a mesh between two cases: states, logs, counters, files and memory. No judgement in it.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_driver::Sent;
use meshkat_model::mesh::Container;
use meshkat_runtime::{InstanceId, Usage};

pub(crate) use super::remarks::Remark;

/// The ends of the names of counters that tell of what went wrong: an update that was refused, a connection that was no TLS or broke in
/// its handshake, and what stands in for an access log.
pub(crate) const REJECTED: &str = ".update_rejected";
pub(crate) const NO_TLS: &str = ".ssl.connection_error";
pub(crate) const REFUSED: [&str; 11] = [
    ".no_cluster",
    ".no_route",
    ".rbac.denied",
    ".downstream_cx_protocol_error",
    ".downstream_rq_4xx",
    ".downstream_rq_5xx",
    ".upstream_cx_connect_fail",
    ".upstream_cx_none_healthy",
    ".upstream_rq_active_overflow",
    ".upstream_rq_pending_overflow",
    ".upstream_rq_timeout",
];
/// What no access log tells of: a guard that did not answer, which looks like one that refused, and a connection that no filter chain is
/// for.
pub(crate) const UNSAID: [(&str, &str); 3] = [
    (".ext_authz.error", "no answer of the authorization service (ext_authz)"),
    (".ratelimit.error", "no answer of the rate limit service"),
    (
        ".no_filter_chain_match",
        "no filter chain that matches, by server name, protocol or address",
    ),
];

/// A mesh at one moment, and what its containers wrote since the moment before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) pods: BTreeMap<String, SeenPod>,
    /// How long the logs were of pods that have gone: one that comes again under the same name may go on with the same file.
    pub(crate) gone: BTreeMap<(String, Container), u64>,
    /// The last responses that clients of the discovery service refused.
    pub(crate) nacks: BTreeSet<SeenNack>,
    /// How often the mesh had been repaired, or scaled for another case.
    pub(crate) repairs: usize,
}

/// A pod at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SeenPod {
    pub(crate) group: String,
    pub(crate) application: Option<SeenContainer>,
    pub(crate) envoy: Option<SeenContainer>,
    /// What its Envoy counts; none where it has none, or it did not say.
    pub(crate) counts: Option<Counts>,
    /// What the clients of a case sent to its Envoy, and whether nobody else sends to it.
    pub(crate) sent: Sent,
    pub(crate) is_edge: bool,
    /// Requests that were given up and not counted when it was looked: they may be counted yet.
    pub(crate) owed: u64,
}

/// A container at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenContainer {
    /// Which of its lives it has; none when it does not run.
    pub(crate) instance: Option<InstanceId>,
    /// How it ended without having been asked to, and the end of its log.
    pub(crate) crash: Option<String>,
    pub(crate) usage: Option<Usage>,
    /// The lines of its log that tell of errors, since the moment before.
    pub(crate) remarks: Vec<Remark>,
    /// How long its log was.
    pub(crate) logged: u64,
}

/// What an Envoy counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Updates that it refused, by the name of the counter.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Requests that came in; none where its counters do not tell of all.
    pub(crate) requests: Option<u64>,
    /// Requests that are open, by the name of the gauge, where there are any.
    pub(crate) open: BTreeMap<String, u64>,
    /// What went wrong, by the name of the counter, where it did.
    pub(crate) wrong: BTreeMap<String, u64>,
}

/// A response that a client of the discovery service refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeenNack {
    /// The node's id, which is its pod's name.
    pub(crate) node: String,
    pub(crate) transport: String,
    pub(crate) kind: String,
    pub(crate) version: String,
    /// What the client says.
    pub(crate) message: String,
}

impl SeenPod {
    pub(crate) fn container(&self, container: Container) -> Option<&SeenContainer> {
        match container {
            Container::Application => self.application.as_ref(),
            Container::Envoy => self.envoy.as_ref(),
        }
    }

    /// Whether its Envoy has lived on since `before`.
    pub(crate) fn has_same_envoy(&self, before: &Self) -> bool {
        let life = |pod: &Self| pod.envoy.as_ref().and_then(|envoy| envoy.instance.clone());
        life(self).is_some() && life(self) == life(before)
    }
}
