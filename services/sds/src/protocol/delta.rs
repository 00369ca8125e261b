//! Delta: each response has what changed of what the client wants.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};

use super::exchange::Exchange;
use super::session::{Heard, Machine, Nonces, Push, Refused, Scope, TopicStatus};
use super::subscription::{Subscription, WILDCARD, version};
use super::topic::{Key, check_room};
use super::warming::Warming;
use crate::resources::{Version, View};

/// One stream of the delta variant.
#[derive(Debug, Clone)]
pub(crate) struct Delta {
    scope: Scope,
    nonces: Nonces,
    warming: Warming,
    topics: BTreeMap<Key, Topic>,
}

#[derive(Debug, Clone, Default)]
struct Topic {
    subscription: Subscription,
    /// An answer is due, whatever is in it.
    asked: bool,
    /// What the client has been told of the names that it wants.
    told: BTreeMap<String, Told>,
    /// What the client was told of while it wanted it. A response may still be under way, and be read by a client that
    /// wants everything again.
    former: BTreeSet<String>,
    /// The generation of the resources that was last looked at.
    seen: Option<u64>,
    exchange: Exchange,
}

/// What a client has been told of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Version(Version),
    /// It came with a version that is none of this program's.
    Foreign,
    /// There is none.
    Absent,
    /// Nothing that still counts, and it has to be told even that there is none.
    Nothing,
}

impl Delta {
    /// `stream` is a number that no other stream has, so that no other has its nonces.
    pub(crate) fn new(scope: Scope, stream: u64) -> Self {
        Self {
            scope,
            nonces: Nonces::new(stream),
            warming: Warming::new(scope),
            topics: BTreeMap::new(),
        }
    }
}

impl Machine for Delta {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;

    fn node(request: &mut DeltaDiscoveryRequest) -> Option<Node> {
        request.node.take()
    }

    fn receive(&mut self, request: DeltaDiscoveryRequest) -> Result<Heard, Refused> {
        let key = Key::of(self.scope, request.type_url)?;
        check_room(&self.topics, &key)?;
        let (kind, whole) = (key.kind(), key.is_whole());
        let mut first = false;
        let topic = self.topics.entry(key).or_insert_with(|| {
            first = true;
            Topic::default()
        });
        let nonce = request.response_nonce;
        let heard = if first || nonce.is_empty() {
            Heard::Request
        } else {
            match topic.exchange.answer(kind, &nonce, request.error_detail) {
                // What it says of the response is past; what it wants still counts.
                Heard::Request => Heard::Stale,
                heard => heard,
            }
        };
        if first {
            // Naming nothing at first is to want everything. This holds until it is given up, whatever is named later.
            topic.subscription.wildcard = whole && request.resource_names_subscribe.is_empty();
            topic.asked = request.initial_resource_versions.is_empty();
            for name in request.resource_names_subscribe {
                topic.subscribe(name);
            }
            for (name, version) in request.initial_resource_versions {
                if topic.subscription.covers(&name) {
                    topic
                        .told
                        .insert(name, Version::parse(&version).map_or(Told::Foreign, Told::Version));
                }
            }
        } else {
            for name in request.resource_names_subscribe {
                topic.subscribe(name);
            }
        }
        for name in request.resource_names_unsubscribe {
            topic.unsubscribe(&name);
        }
        Ok(heard)
    }

    fn next(&mut self, view: View<'_>) -> Option<Push<DeltaDiscoveryResponse>> {
        let Self {
            nonces,
            warming,
            topics,
            ..
        } = self;
        topics
            .iter_mut()
            .find_map(|(key, topic)| topic.next(key, view, nonces, warming))
    }

    fn topics(&self, view: View<'_>) -> Vec<TopicStatus> {
        let status = |(key, topic): (&Key, &Topic)| TopicStatus {
            type_url: key.type_url().to_owned(),
            kind: key.kind(),
            wildcard: topic.subscription.wildcard,
            names: topic.subscription.names.iter().cloned().collect(),
            intended: version(&topic.subscription.wanted(key.kind(), view)),
            exchange: topic.exchange.clone(),
        };
        self.topics.iter().map(status).collect()
    }
}

impl Topic {
    fn subscribe(&mut self, name: String) {
        self.seen = None;
        if name == WILDCARD {
            self.subscription.wildcard = true;
            for name in std::mem::take(&mut self.former) {
                self.told.entry(name).or_insert(Told::Nothing);
            }
            return;
        }
        // Even a name that it wants already is told again: it may have dropped the resource and wanted it again before
        // it came to say so.
        self.told.insert(name.clone(), Told::Nothing);
        self.subscription.names.insert(name);
    }

    fn unsubscribe(&mut self, name: &str) {
        self.seen = None;
        if name == WILDCARD {
            self.subscription.wildcard = false;
            let names = &self.subscription.names;
            let (kept, dropped) = std::mem::take(&mut self.told)
                .into_iter()
                .partition(|(name, _)| names.contains(name));
            self.told = kept;
            self.former.extend(BTreeMap::into_keys(dropped));
        } else if self.subscription.names.remove(name) {
            if self.subscription.wildcard {
                // It cannot know whether everything has this name too.
                self.told.insert(name.to_owned(), Told::Nothing);
            } else if matches!(self.told.remove(name), Some(Told::Version(_) | Told::Foreign)) {
                self.former.insert(name.to_owned());
            }
        }
    }

    fn next(
        &mut self,
        key: &Key,
        view: View<'_>,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<Push<DeltaDiscoveryResponse>> {
        for name in warming.again(key.kind()) {
            if let Some(told @ Told::Version(_)) = self.told.get_mut(name) {
                *told = Told::Foreign;
                self.seen = None;
            }
        }
        let generation = key.kind().map_or(0, |kind| view.generation(kind));
        if !self.asked && self.seen == Some(generation) {
            return None;
        }
        let by_change = self.seen.is_some() && !self.asked;
        self.seen = Some(generation);
        let wanted = self.subscription.wanted(key.kind(), view);
        let resources: Vec<Resource> = wanted
            .iter()
            .filter(|(name, resource)| self.told.get(**name) != Some(&Told::Version(resource.version)))
            .map(|(&name, resource)| Resource {
                name: name.to_owned(),
                version: resource.version.to_string(),
                resource: Some(resource.any.clone()),
                ..Default::default()
            })
            .collect();
        let removed: BTreeSet<&str> = self
            .told
            .iter()
            .filter(|(name, told)| **told != Told::Absent && !wanted.contains_key(name.as_str()))
            .map(|(name, _)| name.as_str())
            .collect();
        if !self.asked && resources.is_empty() && removed.is_empty() {
            return None;
        }

        warming.sent(key.kind(), &wanted, |name, resource| {
            self.told.get(name) != Some(&Told::Version(resource.version))
        });
        let removed: Vec<String> = removed.into_iter().map(str::to_owned).collect();
        self.asked = false;
        for name in &removed {
            if self.subscription.names.contains(name) {
                self.told.insert(name.clone(), Told::Absent);
            } else {
                self.told.remove(name);
            }
        }
        for (&name, resource) in &wanted {
            let told = Told::Version(resource.version);
            match self.told.get_mut(name) {
                Some(known) => *known = told,
                None => {
                    self.told.insert(name.to_owned(), told);
                }
            }
        }
        let (nonce, version) = (nonces.next(), version(&wanted));
        let changed = key.kind().filter(|_| by_change).and_then(|kind| view.changed(kind));
        self.exchange.send(nonce.clone(), version, changed);
        Some(Push {
            kind: key.kind(),
            response: DeltaDiscoveryResponse {
                system_version_info: version.to_string(),
                resources,
                type_url: key.type_url().to_owned(),
                removed_resources: removed,
                nonce,
                ..Default::default()
            },
        })
    }
}
