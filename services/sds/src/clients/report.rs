//! What is told of one client.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::protocol::TopicStatus;
use crate::text::cut;
use crate::transport::Transport;

/// What is told of one client.
#[derive(Debug, Serialize)]
pub(crate) struct ClientReport {
    pub(crate) node: NodeName,
    pub(crate) transport: &'static str,
    /// Where it connects from; a REST client may come from another place each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    /// By type: `clusters`, `endpoints`, `secrets`, `listeners`, `routes`, or the URL of a type that is not served.
    pub(crate) types: BTreeMap<String, TypeReport>,
}

/// The longest id or cluster of a node that is kept, in bytes. An Envoy's have some dozen, and each stream and each poll keeps them.
const LONGEST_NAME: usize = 1024;

/// Which node it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct NodeName {
    pub(crate) id: String,
    pub(crate) cluster: String,
}

impl NodeName {
    /// As the client says it, as far as it is kept.
    pub(crate) fn new(id: &str, cluster: &str) -> Self {
        Self {
            id: cut(id, LONGEST_NAME).to_owned(),
            cluster: cut(cluster, LONGEST_NAME).to_owned(),
        }
    }
}

/// How far a client is with one type. Versions are those of all that it wants together.
#[derive(Debug, Serialize)]
pub(crate) struct TypeReport {
    /// Whether it wants everything.
    pub(crate) wildcard: bool,
    /// What it wants by name.
    pub(crate) names: Vec<String>,
    /// What it is to have.
    pub(crate) version_intended: String,
    pub(crate) version_sent: Option<String>,
    pub(crate) version_acknowledged: Option<String>,
    /// The last response that it refused, even if it has taken another since.
    pub(crate) last_nack: Option<NackReport>,
    /// Each of several polls of one node, which all of the above tells of together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) polls: Vec<PollReport>,
}

/// How far one poll is.
#[derive(Debug, Serialize)]
pub(crate) struct PollReport {
    /// What it asks for by name; none means everything.
    pub(crate) names: Vec<String>,
    pub(crate) version_intended: String,
    pub(crate) version_sent: String,
    pub(crate) version_acknowledged: Option<String>,
    pub(crate) last_nack: Option<NackReport>,
}

/// A response that was refused.
#[derive(Debug, Serialize)]
pub(crate) struct NackReport {
    pub(crate) version: String,
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl ClientReport {
    pub(crate) fn new(node: NodeName, transport: Transport, peer: Option<String>, topics: Vec<TopicStatus>) -> Self {
        Self {
            node,
            transport: transport.name(),
            peer,
            types: topics.into_iter().map(type_report).collect(),
        }
    }
}

fn type_report(topic: TopicStatus) -> (String, TypeReport) {
    let exchange = topic.exchange;
    let name = topic.kind.map_or(topic.type_url, |kind| kind.plural().to_owned());
    let report = TypeReport {
        wildcard: topic.wildcard,
        names: topic.names,
        version_intended: topic.intended.to_string(),
        version_sent: exchange.sent.map(|version| version.to_string()),
        version_acknowledged: exchange.acknowledged.map(|version| version.to_string()),
        last_nack: exchange.nack.map(|nack| NackReport {
            version: nack.version.to_string(),
            code: nack.code,
            message: nack.message,
        }),
        polls: Vec::new(),
    };
    (name, report)
}
