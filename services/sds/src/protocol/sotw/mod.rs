//! State of the World: each response has all that the client wants of a type.

mod topic;

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};

use super::session::{Heard, Machine, Nonces, Push, Refused, Scope, TopicStatus};
use super::topic::{Key, Weight, check_room, is_user};
use super::warming::Warming;
use crate::resources::View;
use topic::Topic;

/// One stream of the State-of-the-World variant.
#[derive(Debug, Clone)]
pub(crate) struct Sotw {
    scope: Scope,
    nonces: Nonces,
    warming: Warming,
    topics: BTreeMap<Key, Topic>,
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
        let others = self.topics.iter().filter(|(other, _)| **other != key);
        let others = others.fold(Weight::default(), |sum, (_, topic)| sum.and(topic.weight()));
        others
            .and(Weight::of(request.resource_names.iter().map(String::as_str)))
            .check()?;
        let (kind, whole) = (key.kind(), key.is_whole());
        let Some(topic) = self.topics.get_mut(&key) else {
            // A nonce in the first request is of a stream that is gone, and means nothing on this one.
            self.topics.insert(key, Topic::new(request.resource_names, whole));
            return Ok(Heard::Request);
        };
        let heard = if request.response_nonce.is_empty() {
            Heard::Request
        } else {
            match self.nonces.read(&request.response_nonce) {
                Some(number) if topic.is_last(number) => topic.answered(kind, number, request.error_detail),
                _ => {
                    topic.overheard(&request.resource_names);
                    return Ok(Heard::Stale);
                }
            }
        };
        topic.subscribe(request.resource_names, whole);
        Ok(heard)
    }

    fn next(&mut self, view: View<'_>) -> Option<Push<DiscoveryResponse>> {
        let used = self
            .topics
            .iter()
            .any(|(key, topic)| is_user(key) && topic.is_due(key, view));
        let Self {
            nonces,
            warming,
            topics,
            ..
        } = self;
        topics
            .iter_mut()
            .find_map(|(key, topic)| topic.next(key, view, used, nonces, warming))
    }

    fn sign(response: &mut DiscoveryResponse, sender: ControlPlane) {
        response.control_plane = Some(sender);
    }

    fn weight(&self) -> Weight {
        let topics = self.topics.values();
        topics.fold(Weight::default(), |sum, topic| sum.and(topic.weight()))
    }

    fn topics(&self, view: View<'_>) -> Vec<TopicStatus> {
        self.topics.iter().map(|(key, topic)| topic.status(key, view)).collect()
    }
}
