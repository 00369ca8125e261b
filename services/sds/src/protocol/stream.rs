//! One stream's side of the protocol.

use std::collections::BTreeMap;

use super::exchange::RequestOutcome;
use super::key::{Key, check_room, is_user};
use super::session::{Nonces, Push, Refused, Scope};
use super::topic::{Answered, Topic, TopicStatus, Variant};
use super::warming::Warming;
use super::weight::Weight;
use crate::store::View;

/// One stream's side of the protocol.
///
/// [`XdsStream::receive`] for each request, then [`XdsStream::next`] until there is nothing, and again after each change. It
/// may be asked as late as one likes: what is due is always put together from the resources as they are. A clone tells what
/// would be due without anything being sent.
#[derive(Debug, Clone)]
pub(crate) struct XdsStream<V> {
    scope: Scope,
    nonces: Nonces,
    warming: Warming,
    topics: BTreeMap<Key, Topic<V>>,
}

impl<V: Variant> XdsStream<V> {
    /// `stream` is a number that no other stream has, so that no other has its nonces.
    pub(crate) fn new(scope: Scope, stream: u64) -> Self {
        Self {
            scope,
            nonces: Nonces::new(stream),
            warming: Warming::new(scope),
            topics: BTreeMap::new(),
        }
    }

    /// Hears a request.
    ///
    /// # Errors
    /// The stream has to end.
    pub(crate) fn receive(&mut self, request: V::Request) -> Result<RequestOutcome, Refused> {
        let (type_url, nonce) = V::header(&request);
        let key = Key::of(self.scope, type_url)?;
        check_room(&self.topics, &key)?;
        if let Some(weight) = V::weight(self.topics.get(&key), &request)? {
            let others = self.topics.iter().filter(|(other, _)| **other != key);
            others.fold(weight, |sum, (_, topic)| sum.and(topic.weight())).check()?;
        }
        let answered = match (nonce, self.nonces.read(nonce)) {
            ("", _) => Answered::Nothing,
            (_, None) => Answered::Foreign,
            (_, Some(number)) => Answered::Response(number),
        };
        let Some(topic) = self.topics.get_mut(&key) else {
            // A nonce in the first request is of a stream that is gone, and means nothing on this one.
            let topic = V::first(request, key.is_whole());
            self.topics.insert(key, topic);
            return Ok(RequestOutcome::Request);
        };
        Ok(V::hear(topic, &key, answered, request))
    }

    /// The next response, if one is due.
    pub(crate) fn next(&mut self, view: View<'_>) -> Option<Push<V::Response>> {
        let Self {
            nonces,
            warming,
            topics,
            ..
        } = self;
        let used = topics
            .iter()
            .any(|(key, topic)| is_user(key) && topic.is_due(key, view));
        topics
            .iter_mut()
            .find_map(|(key, topic)| topic.next(key, view, used, nonces, warming))
    }

    /// What the names take that the stream wants.
    pub(crate) fn weight(&self) -> Weight {
        let topics = self.topics.values();
        topics.fold(Weight::default(), |sum, topic| sum.and(topic.weight()))
    }

    /// What the stream is about, type by type.
    pub(crate) fn topics(&self, view: View<'_>) -> Vec<TopicStatus> {
        self.topics.iter().map(|(key, topic)| topic.status(key, view)).collect()
    }
}
