//! Delta: each response has what changed of what the client wants.

mod told;
mod topic;

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::session::{Heard, Machine, Nonces, Push, Refused, Scope, TopicStatus};
use super::topic::{Key, Weight, check_room, is_user};
use super::warming::Warming;
use crate::resources::View;
use topic::Topic;

/// One stream of the delta variant.
#[derive(Debug, Clone)]
pub(crate) struct Delta {
    scope: Scope,
    nonces: Nonces,
    warming: Warming,
    topics: BTreeMap<Key, Topic>,
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
        if !request.resource_names_subscribe.is_empty() || !request.initial_resource_versions.is_empty() {
            let known = self.topics.get(&key);
            let new = request.resource_names_subscribe.iter().map(String::as_str);
            let new = new.filter(|name| known.is_none_or(|topic| !topic.wants(name)));
            self.weight().and(Weight::of(new)).check()?;
            Weight::of(request.initial_resource_versions.keys().map(String::as_str)).check()?;
        }
        let kind = key.kind();
        let Some(topic) = self.topics.get_mut(&key) else {
            // A nonce in the first request is of a stream that is gone, and means nothing on this one.
            let mut topic = Topic::new(
                request.resource_names_subscribe,
                request.initial_resource_versions,
                key.is_whole(),
            );
            topic.unsubscribe(&request.resource_names_unsubscribe);
            self.topics.insert(key, topic);
            return Ok(Heard::Request);
        };
        let heard = if request.response_nonce.is_empty() {
            Heard::Request
        } else {
            let number = self.nonces.read(&request.response_nonce);
            match number.map(|number| topic.answered(kind, number, request.error_detail)) {
                // What it says of the response is past; what it wants still counts.
                None | Some(Heard::Request) => Heard::Stale,
                Some(heard) => heard,
            }
        };
        topic.subscribe(request.resource_names_subscribe);
        topic.unsubscribe(&request.resource_names_unsubscribe);
        Ok(heard)
    }

    fn next(&mut self, view: View<'_>) -> Option<Push<DeltaDiscoveryResponse>> {
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

    fn sign(response: &mut DeltaDiscoveryResponse, sender: ControlPlane) {
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
