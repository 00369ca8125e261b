//! What is told of one Envoy and one type.

use std::fmt;

use meshkat_discovery::{Node, Subscription, Transport};
use serde::{Serialize, Serializer};

use crate::topic::Topic;

/// How many names are told in a sentence.
const FEW: usize = 5;
/// The longest message that is told whole in a sentence, in characters.
const LONGEST: usize = 80;

/// How an Envoy stands with what is intended for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// All that is intended was sent, acknowledged, and is live.
    Synced,
    /// What is intended was not sent yet.
    NotSent,
    /// What was sent is not acknowledged.
    Stale,
    /// What was sent is refused.
    Rejected,
    /// All is acknowledged, yet what is live is not what is intended.
    Differs,
    /// All that is intended is live, and something that is in use needs what the discovery service does not have.
    Lacking,
    /// It asks for a type that the discovery service does not serve.
    NotServed,
    /// The discovery service does not hear from it.
    Disconnected,
    /// Its admin interface does not answer, so that nobody knows what is live.
    Unreachable,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Synced,
        Self::NotSent,
        Self::Stale,
        Self::Rejected,
        Self::Differs,
        Self::Lacking,
        Self::NotServed,
        Self::Disconnected,
        Self::Unreachable,
    ];

    /// As it is written in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synced => "SYNCED",
            Self::NotSent => "NOT SENT",
            Self::Stale => "STALE",
            Self::Rejected => "REJECTED",
            Self::Differs => "DIFFERS",
            Self::Lacking => "LACKING",
            Self::NotServed => "NOT SERVED",
            Self::Disconnected => "DISCONNECTED",
            Self::Unreachable => "UNREACHABLE",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An Envoy and a type that it asks for over a transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The pod.
    pub pod: String,
    /// The Envoy's name for itself.
    pub node: Node,
    /// How it is fed.
    pub transport: Transport,
    /// The type.
    #[serde(rename = "type")]
    pub topic: Topic,
    /// How it stands.
    pub status: Status,
    /// What there is to say to it, in a sentence.
    pub detail: String,
    /// What Envoy says of the answer that it refuses, whole.
    pub rejection: Option<String>,
    /// What it has subscribed to: one over ADS, one for each stream of its own; over REST all of its polls.
    pub subscriptions: Vec<Subscription>,
    /// The resources, by name. Of an Envoy that cannot be reached there are none.
    pub resources: Vec<Resource>,
}

/// A resource as the discovery service intends it, and as the Envoy has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// For endpoints, the Envoy's cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether the discovery service has it for this Envoy.
    pub intended: bool,
    /// Whether the Envoy has it; for endpoints, whether it has any.
    pub live: bool,
    /// The version of the last answer about it that the Envoy took.
    pub version_live: Option<String>,
    /// For endpoints, how many the Envoy has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<usize>,
    /// How it differs, in words that follow its name.
    pub differences: Vec<String>,
    /// What is in use without it, where the discovery service does not have it, such as ``the listener `in` ``.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacked_by: Vec<String>,
}

impl Resource {
    /// Whether the Envoy keeps what the discovery service does not have any more.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.live && !self.intended
    }

    pub(crate) fn differs(&self) -> bool {
        !self.differences.is_empty()
    }

    /// Whether something is in use without it.
    pub(crate) fn is_lacking(&self) -> bool {
        !self.lacked_by.is_empty()
    }

    /// Its name in a sentence.
    pub(crate) fn quoted(&self) -> String {
        match &self.cluster {
            Some(cluster) if *cluster != self.name => format!("`{}` (cluster `{cluster}`)", self.name),
            _ => format!("`{}`", self.name),
        }
    }
}

/// `a`, `a and b`, `a, b and c`; of many the first few.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        _ if names.len() > FEW => format!("{} and {} more", names[..FEW].join(", "), names.len() - FEW),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A message in a sentence: one line, and not too long.
pub(crate) fn shortened(message: &str) -> String {
    let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}
