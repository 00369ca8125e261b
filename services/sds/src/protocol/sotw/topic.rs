//! One type on a State-of-the-World stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::DiscoveryResponse;
use envoy_types::pb::google::rpc::Status;

use crate::protocol::exchange::Exchange;
use crate::protocol::session::{Heard, Nonces, Push, TopicStatus};
use crate::protocol::subscription::{Subscription, Wanted, version};
use crate::protocol::topic::{Key, Weight};
use crate::protocol::warming::Warming;
use crate::resources::{Kind, Resource, View};

/// One type on a State-of-the-World stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Topic {
    subscription: Subscription,
    /// Names were given once: from then on, none means none.
    named: bool,
    /// An answer is due, whatever is in it.
    asked: bool,
    /// The last answer was refused as a whole, so that the client has not even what was right in it.
    refused: bool,
    /// The resources of the last answer, as far as they are still wanted and there.
    sent: BTreeMap<Arc<str>, Arc<Resource>>,
    /// The number of the last answer.
    last: Option<u64>,
    /// The generation of the resources that was last looked at.
    seen: Option<u64>,
    exchange: Exchange,
}

/// What speaks for an answer.
struct Reasons {
    /// There is something that the client does not have.
    is_new: bool,
    /// There is something that it has to learn is gone.
    is_gone: bool,
    /// What it refused would be different now.
    is_other: bool,
}

impl Topic {
    /// What the first request asks for.
    pub(super) fn new(names: Vec<String>, whole: bool) -> Self {
        let mut topic = Self::default();
        topic.subscribe(names, whole);
        topic.asked = true;
        topic
    }

    pub(super) fn weight(&self) -> Weight {
        self.subscription.weight()
    }

    pub(super) fn is_last(&self, number: u64) -> bool {
        self.last == Some(number)
    }

    /// The client answers the last response.
    pub(super) fn answered(&mut self, kind: Option<Kind>, number: u64, error: Option<Status>) -> Heard {
        let heard = self.exchange.answer(kind, number, error);
        if matches!(heard, Heard::Nack { .. }) {
            self.refused = true;
            self.seen = None;
        }
        heard
    }

    /// A request that is past names these. The client will say again what it wants, and if that is nothing then, it is
    /// not everything.
    pub(super) fn overheard(&mut self, names: &[String]) {
        self.named |= !names.is_empty();
    }

    /// Replaces what the client wants.
    pub(super) fn subscribe(&mut self, names: Vec<String>, whole: bool) {
        self.named |= !names.is_empty();
        let wanted = Subscription::of(names, !self.named && whole);
        if wanted == self.subscription {
            return;
        }
        let before = std::mem::replace(&mut self.subscription, wanted);
        let Self { subscription, sent, .. } = self;
        // Whatever it gives up it may drop, and has to be sent again should it want it again.
        sent.retain(|name, _| subscription.covers(name));
        // What it asks for now it is sent now, even if it has it for another reason.
        let mut widened = subscription.wildcard && !before.wildcard;
        for name in subscription.names.difference(&before.names) {
            if subscription.wildcard || !before.wildcard {
                sent.remove(name);
                widened = true;
            }
        }
        self.asked |= widened && whole;
        // Look again, even if no resource has changed.
        self.seen = None;
    }

    fn is_to_be_looked_at(&self, generation: u64) -> bool {
        self.asked || self.seen != Some(generation)
    }

    fn reasons(&self, key: &Key, wanted: &Wanted<'_>) -> Reasons {
        let is_new = |(name, resource): (&&str, &&Arc<Resource>)| !self.has(name, resource);
        let is_gone = |name: &Arc<str>| !wanted.contains_key(&**name);
        Reasons {
            is_new: wanted.iter().any(is_new),
            // To leave out a resource says that it is gone only where an answer is the whole truth.
            is_gone: key.is_whole() && self.sent.keys().any(is_gone),
            // What was refused is never sent again; something else is.
            is_other: self.refused && !wanted.is_empty() && self.exchange.sent != Some(version(wanted)),
        }
    }

    fn has(&self, name: &str, resource: &Resource) -> bool {
        self.sent.get(name).is_some_and(|sent| sent.version == resource.version)
    }

    /// Whether a response is due.
    pub(super) fn is_due(&self, key: &Key, view: View<'_>) -> bool {
        if self.asked || !self.is_to_be_looked_at(key.generation(view)) {
            return self.asked;
        }
        let Reasons {
            is_new,
            is_gone,
            is_other,
        } = self.reasons(key, &self.subscription.wanted(key.kind(), view));
        is_new || is_gone || is_other
    }

    pub(super) fn status(&self, key: &Key, view: View<'_>) -> TopicStatus {
        let is_due = self.is_due(key, view);
        TopicStatus::new(key, &self.subscription, &self.exchange, is_due, view)
    }

    /// The next response, if one is due. Nothing is taken away while it is `used`.
    pub(super) fn next(
        &mut self,
        key: &Key,
        view: View<'_>,
        used: bool,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<Push<DiscoveryResponse>> {
        for name in warming.again(key.kind()) {
            if self.sent.remove(name).is_some() {
                self.seen = None;
            }
        }
        let generation = key.generation(view);
        if !self.is_to_be_looked_at(generation) {
            return None;
        }
        let there = self.subscription.wanted(key.kind(), view);
        let kept: Vec<_> = if used && key.kind() == Some(Kind::Clusters) {
            let gone = |(name, _): &(&Arc<str>, &Arc<Resource>)| !there.contains_key(&***name);
            let own = |(name, resource): (&Arc<str>, &Arc<Resource>)| (Arc::clone(name), Arc::clone(resource));
            self.sent.iter().filter(gone).map(own).collect()
        } else {
            Vec::new()
        };
        let mut wanted: Wanted<'_> = there;
        wanted.extend(kept.iter().map(|(name, resource)| (&**name, resource)));
        let Reasons {
            is_new,
            is_gone,
            is_other,
        } = self.reasons(key, &wanted);
        let by_change = self.seen.is_some() && !self.asked;
        if kept.is_empty() {
            self.seen = Some(generation);
        }
        self.sent.retain(|name, _| wanted.contains_key(&**name));
        if !(self.asked || is_new || is_gone || is_other) {
            if wanted.is_empty() {
                // Of what it refused, nothing is left to want.
                self.refused = false;
                self.exchange.has(version(&wanted));
            }
            return None;
        }

        warming.sent(key.kind(), &wanted, |name, resource| !self.has(name, resource));
        self.asked = false;
        self.refused = false;
        self.sent = wanted
            .iter()
            .map(|(&name, &resource)| (self.subscription.shared(name), Arc::clone(resource)))
            .collect();
        let (number, version) = (nonces.next(), version(&wanted));
        self.last = Some(number);
        let changed = key.kind().filter(|_| by_change).and_then(|kind| view.changed(kind));
        self.exchange.send(number, version, changed);
        Some(Push {
            kind: key.kind(),
            response: DiscoveryResponse {
                version_info: version.to_string(),
                resources: wanted.values().map(|resource| resource.any.clone()).collect(),
                type_url: key.type_url().to_owned(),
                nonce: nonces.write(number),
                ..Default::default()
            },
        })
    }
}
