//! Clients that poll. Nothing says that they are still there but that they come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::report::{ClientReport, NackReport, NodeName, TypeReport};
use crate::resources::{Kind, Version, World};
use crate::transport::Transport;

/// How long a client that polls is remembered: far longer than anybody waits between two polls.
const MEMORY: Duration = Duration::from_secs(60);

/// How many clients that poll are remembered.
const MOST: usize = 4096;

/// A poll that was answered.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) node: NodeName,
    pub(crate) kind: Kind,
    /// None means all.
    pub(crate) names: Vec<String>,
    /// What it said it has: to a client that polls, that is to acknowledge it.
    pub(crate) has: String,
    pub(crate) sent: Version,
    /// What it said of the last response, if it refused it.
    pub(crate) error: Option<(i32, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Pollers(BTreeMap<NodeName, BTreeMap<Kind, Seen>>);

#[derive(Debug)]
struct Seen {
    at: Instant,
    names: Vec<String>,
    sent: Version,
    acknowledged: Option<String>,
    nack: Option<(Version, i32, String)>,
}

impl Pollers {
    pub(super) fn polled(&mut self, poll: Poll) {
        if self.0.len() >= MOST && !self.0.contains_key(&poll.node) {
            self.forget();
            if self.0.len() >= MOST {
                return;
            }
        }
        let kinds = self.0.entry(poll.node).or_default();
        let before = kinds.remove(&poll.kind);
        let nack = match (poll.error, before) {
            (Some((code, message)), before) => {
                // It speaks of what it was sent before this poll.
                Some((before.map_or(poll.sent, |before| before.sent), code, message))
            }
            (None, before) => before.and_then(|before| before.nack),
        };
        let seen = Seen {
            at: Instant::now(),
            names: poll.names,
            sent: poll.sent,
            acknowledged: (!poll.has.is_empty()).then_some(poll.has),
            nack,
        };
        kinds.insert(poll.kind, seen);
    }

    pub(super) fn report(&mut self, world: &World) -> Vec<ClientReport> {
        self.forget();
        let report = |(node, kinds): (&NodeName, &BTreeMap<Kind, Seen>)| {
            let types = kinds
                .iter()
                .map(|(kind, seen)| (kind.plural().to_owned(), seen.report(*kind, &node.cluster, world)));
            ClientReport {
                node: node.clone(),
                transport: Transport::Rest.name(),
                peer: None,
                types: types.collect(),
            }
        };
        self.0.iter().map(report).collect()
    }

    fn forget(&mut self) {
        self.0.retain(|_, kinds| {
            kinds.retain(|_, seen| seen.at.elapsed() < MEMORY);
            !kinds.is_empty()
        });
    }
}

impl Seen {
    fn report(&self, kind: Kind, cluster: &str, world: &World) -> TypeReport {
        let intended = crate::discovery::wanted(world.view(cluster), kind, &self.names);
        let intended = Version::of_set(intended.iter().map(|(name, resource)| (*name, resource.version)));
        TypeReport {
            wildcard: self.names.is_empty(),
            names: self.names.clone(),
            version_intended: intended.to_string(),
            version_sent: Some(self.sent.to_string()),
            version_acknowledged: self.acknowledged.clone(),
            last_nack: self.nack.as_ref().map(|(version, code, message)| NackReport {
                version: version.to_string(),
                code: *code,
                message: message.clone(),
            }),
        }
    }
}
