//! Who is connected to the discovery service, and how far each is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{kind::Kind, transport::Transport};

/// The answer of `GET /xds/v3/clients`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Clients {
    /// In the order in which they came.
    pub clients: Vec<Client>,
}

/// A client: one stream, or one node that polls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Client {
    /// Which node it is.
    pub node: Node,
    /// How it is fed, such as `delta-ads`.
    pub transport: String,
    /// How far it is, by type.
    #[serde(default)]
    pub types: BTreeMap<String, Subscription>,
}

/// An Envoy's name for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Node {
    /// `node.id`.
    #[serde(default)]
    pub id: String,
    /// `node.cluster`.
    #[serde(default)]
    pub cluster: String,
}

/// How far a client is with one type. Versions are those of all that it wants together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscription {
    /// Whether it wants everything.
    pub wildcard: bool,
    /// What it wants by name.
    pub names: Vec<String>,
    /// What it is to have.
    pub version_intended: String,
    /// What it was sent last.
    pub version_sent: Option<String>,
    /// What it said last that it has taken.
    pub version_acknowledged: Option<String>,
    /// The last response that it refused, even if it has taken another since.
    pub last_nack: Option<Nack>,
    /// Where a node polls for several by themselves: each of its polls, of which the rest tells together.
    #[serde(skip_serializing)]
    pub polls: Vec<Subscription>,
}

/// A response that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Nack {
    /// The version that was refused.
    pub version: String,
    /// A gRPC status code.
    pub code: i32,
    /// What Envoy says.
    pub message: String,
}

impl Clients {
    /// What the node has subscribed to over one transport. Of two streams for the same, the younger counts: the older one
    /// is a connection that was lost and not yet missed.
    pub fn subscriptions(&self, node: &str, transport: Transport, kind: Kind) -> Vec<&Subscription> {
        let mut found: Vec<&Subscription> = Vec::new();
        let told = self
            .of(node, transport)
            .filter_map(|client| client.types.get(kind.name()));
        let each = told.flat_map(|told| match told.polls.as_slice() {
            [] => std::slice::from_ref(told),
            polls => polls,
        });
        for subscription in each {
            found.retain(|older| {
                !transport.is_aggregated()
                    && (older.wildcard, &older.names) != (subscription.wildcard, &subscription.names)
            });
            found.push(subscription);
        }
        // A stream that names nothing and is no wildcard wants nothing; a poll that names nothing wants everything.
        found.retain(|subscription| {
            transport == Transport::Rest || subscription.wildcard || !subscription.names.is_empty()
        });
        found
    }

    /// The types that the node asks for and that are not served, with the names of what it asks for.
    pub fn unserved(&self, node: &str) -> impl Iterator<Item = (String, Transport, Vec<String>)> {
        let clients = self.clients.iter().filter(move |client| client.node.id == node);
        clients.flat_map(|client| {
            // Types that are served have a name, and the others a URL.
            let types = client.types.iter().filter(|(name, _)| name.contains('/'));
            types.filter_map(|(url, of)| Some((url.clone(), Transport::named(&client.transport)?, of.names.clone())))
        })
    }

    /// What the node has subscribed to of a type that is not served.
    pub fn subscriptions_of(&self, node: &str, transport: Transport, url: &str) -> Vec<Subscription> {
        let clients = self.of(node, transport);
        clients.filter_map(|client| client.types.get(url).cloned()).collect()
    }

    /// Over which transports the node has subscribed to which types.
    pub fn topics(&self, node: &str) -> Vec<(Kind, Transport)> {
        let clients = self.clients.iter().filter(|client| client.node.id == node);
        let topics = clients.flat_map(|client| {
            let kinds = Kind::ALL
                .into_iter()
                .filter(|kind| client.types.contains_key(kind.name()));
            kinds.filter_map(|kind| Some((kind, Transport::named(&client.transport)?)))
        });
        topics
            .filter(|(kind, transport)| !self.subscriptions(node, *transport, *kind).is_empty())
            .collect()
    }

    /// The `node.cluster` that the node gives.
    pub fn node_cluster(&self, node: &str) -> Option<&str> {
        let client = self.clients.iter().rfind(|client| client.node.id == node)?;
        Some(&client.node.cluster)
    }

    /// Whether what is intended is the same in both, for all who are in both: then nothing was changed in between.
    pub fn intends_the_same(&self, other: &Self) -> bool {
        let intended = |clients: &Self| -> BTreeMap<_, _> {
            let all = clients.clients.iter().flat_map(|client| {
                let key = move |kind: &str, of: &Subscription| {
                    let node = (client.node.id.clone(), client.node.cluster.clone());
                    (
                        node,
                        client.transport.clone(),
                        kind.to_owned(),
                        of.wildcard,
                        of.names.clone(),
                    )
                };
                client
                    .types
                    .iter()
                    .map(move |(kind, of)| (key(kind, of), of.version_intended.clone()))
            });
            all.collect()
        };
        let after = intended(other);
        intended(self)
            .iter()
            .all(|(key, version)| after.get(key).is_none_or(|later| later == version))
    }

    fn of<'a>(&'a self, node: &str, transport: Transport) -> impl Iterator<Item = &'a Client> {
        self.clients
            .iter()
            .filter(move |client| client.node.id == node && client.transport == transport.name())
    }
}
