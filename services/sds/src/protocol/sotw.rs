//! State of the World: each response has all that the client wants of a type.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};

use super::exchange::Exchange;
use super::session::{Heard, Machine, Nonces, Push, Refused, Scope, TopicStatus};
use super::subscription::{Subscription, WILDCARD, version};
use super::topic::{Key, check_room};
use super::warming::Warming;
use crate::resources::{Version, View};

/// One stream of the State-of-the-World variant.
#[derive(Debug, Clone)]
pub(crate) struct Sotw {
    scope: Scope,
    nonces: Nonces,
    warming: Warming,
    topics: BTreeMap<Key, Topic>,
}

#[derive(Debug, Clone, Default)]
struct Topic {
    subscription: Subscription,
    /// Names were given once: from then on, none means none.
    named: bool,
    /// An answer is due, whatever is in it.
    asked: bool,
    /// The last answer was refused as a whole, so that the client has not even what was right in it.
    refused: bool,
    /// The resources of the last answer, as far as they are still wanted and there.
    sent: BTreeMap<String, Version>,
    nonce: String,
    /// The generation of the resources that was last looked at.
    seen: Option<u64>,
    exchange: Exchange,
}

impl Sotw {
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

impl Machine for Sotw {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;

    fn node(request: &mut DiscoveryRequest) -> Option<Node> {
        request.node.take()
    }

    fn receive(&mut self, request: DiscoveryRequest) -> Result<Heard, Refused> {
        let key = Key::of(self.scope, request.type_url)?;
        check_room(&self.topics, &key)?;
        let (kind, whole) = (key.kind(), key.is_whole());
        let mut first = false;
        let topic = self.topics.entry(key).or_insert_with(|| {
            first = true;
            Topic::default()
        });
        let nonce = request.response_nonce;
        // A nonce in the first request is of a stream that is gone, and means nothing on this one.
        if !first && !nonce.is_empty() && nonce != topic.nonce {
            return Ok(Heard::Stale);
        }
        let heard = if first || nonce.is_empty() {
            Heard::Request
        } else {
            topic.exchange.answer(kind, &nonce, request.error_detail)
        };
        if matches!(heard, Heard::Nack { .. }) {
            topic.refused = true;
            topic.seen = None;
        }
        let widened = topic.subscribe(request.resource_names, whole);
        topic.asked |= first || (widened && whole);
        Ok(heard)
    }

    fn next(&mut self, view: View<'_>) -> Option<Push<DiscoveryResponse>> {
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
    /// Replaces what the client wants; tells whether it wants something that it did not want before.
    fn subscribe(&mut self, names: Vec<String>, whole: bool) -> bool {
        let mut names: BTreeSet<String> = names.into_iter().collect();
        self.named |= !names.is_empty();
        let wanted = Subscription {
            wildcard: names.remove(WILDCARD) || (!self.named && whole),
            names,
        };
        if wanted == self.subscription {
            return false;
        }
        let before = std::mem::replace(&mut self.subscription, wanted);
        // Whatever it gives up it may drop, and has to be sent again should it want it again.
        self.sent.retain(|name, _| self.subscription.covers(name));
        // Look again, even if no resource has changed.
        self.seen = None;
        (self.subscription.wildcard && !before.wildcard)
            || self.subscription.names.iter().any(|name| !before.covers(name))
    }

    fn next(
        &mut self,
        key: &Key,
        view: View<'_>,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<Push<DiscoveryResponse>> {
        for name in warming.again(key.kind()) {
            if self.sent.remove(name).is_some() {
                self.seen = None;
            }
        }
        let generation = key.kind().map_or(0, |kind| view.generation(kind));
        if !self.asked && self.seen == Some(generation) {
            return None;
        }
        let wanted = self.subscription.wanted(key.kind(), view);
        let is_new = wanted
            .iter()
            .any(|(&name, resource)| self.sent.get(name) != Some(&resource.version));
        let sent = self.sent.len();
        self.sent.retain(|name, _| wanted.contains_key(name.as_str()));
        // To leave out a resource says that it is gone only where an answer is the whole truth.
        let is_gone = key.is_whole() && self.sent.len() < sent;
        let by_change = self.seen.is_some() && !self.asked;
        self.seen = Some(generation);
        // What was refused is never sent again; something else is.
        let is_other = self.refused && self.exchange.sent != Some(version(&wanted));
        if !(self.asked || is_new || is_gone || is_other) {
            return None;
        }

        warming.sent(key.kind(), &wanted, |name, resource| {
            self.sent.get(name) != Some(&resource.version)
        });
        self.asked = false;
        self.refused = false;
        self.sent = wanted
            .iter()
            .map(|(&name, resource)| (name.to_owned(), resource.version))
            .collect();
        self.nonce = nonces.next();
        let version = version(&wanted);
        let changed = key.kind().filter(|_| by_change).and_then(|kind| view.changed(kind));
        self.exchange.send(self.nonce.clone(), version, changed);
        Some(Push {
            kind: key.kind(),
            response: DiscoveryResponse {
                version_info: version.to_string(),
                resources: wanted.values().map(|resource| resource.any.clone()).collect(),
                type_url: key.type_url().to_owned(),
                nonce: self.nonce.clone(),
                ..Default::default()
            },
        })
    }
}
