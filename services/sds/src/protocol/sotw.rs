//! State of the World: each response has all that the client wants of a type.

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};

use super::exchange::RequestOutcome;
use super::key::Key;
use super::session::{Nonces, Refused};
use super::subscription::{Subscription, Wanted, version};
use super::topic::{Answered, Look, Topic, Variant};
use super::warming::Warming;
use super::weight::Weight;
use crate::resources::{Kind, Resource, Version};

/// What a client was sent of one type.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentState {
    /// Names were given once: from then on, none means none.
    named: bool,
    /// The last answer was refused as a whole, so that the client has not even what was right in it.
    refused: bool,
    /// The resources of the last answer, as far as they are still wanted and there.
    resources: BTreeMap<Arc<str>, Arc<Resource>>,
    /// The number of the last answer.
    last: Option<u64>,
}

impl SentState {
    fn has(&self, name: &str, resource: &Resource) -> bool {
        let sent = self.resources.get(name);
        sent.is_some_and(|sent| sent.version == resource.version)
    }
}

/// Replaces what the client wants.
fn subscribe(topic: &mut Topic<SentState>, names: Vec<String>, whole: bool) {
    topic.sent.named |= !names.is_empty();
    let wanted = Subscription::of(names, !topic.sent.named && whole);
    if wanted == topic.subscription {
        return;
    }
    let before = std::mem::replace(&mut topic.subscription, wanted);
    let Topic { subscription, sent, .. } = topic;
    // Whatever it gives up it may drop, and has to be sent again should it want it again.
    sent.resources.retain(|name, _| subscription.covers(name));
    // What it asks for now it is sent now, even if it has it for another reason.
    let mut widened = subscription.wildcard && !before.wildcard;
    for name in subscription.names.difference(&before.names) {
        if subscription.wildcard || !before.wildcard {
            sent.resources.remove(name);
            widened = true;
        }
    }
    topic.asked |= widened && whole;
    // Look again, even if no resource has changed.
    topic.seen = None;
}

impl Variant for SentState {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;

    fn node(request: &mut DiscoveryRequest) -> Option<Node> {
        request.node.take()
    }

    fn sign(response: &mut DiscoveryResponse, sender: ControlPlane) {
        response.control_plane = Some(sender);
    }

    fn header(request: &DiscoveryRequest) -> (&str, &str) {
        (&request.type_url, &request.response_nonce)
    }

    fn weight(_: Option<&Topic<Self>>, request: &DiscoveryRequest) -> Result<Option<Weight>, Refused> {
        Ok(Some(Weight::of(request.resource_names.iter().map(String::as_str))))
    }

    fn first(request: DiscoveryRequest, whole: bool) -> Topic<Self> {
        let mut topic = Topic::default();
        subscribe(&mut topic, request.resource_names, whole);
        topic.asked = true;
        topic
    }

    fn hear(topic: &mut Topic<Self>, key: &Key, answered: Answered, request: DiscoveryRequest) -> RequestOutcome {
        let outcome = match answered {
            Answered::Nothing => RequestOutcome::Request,
            Answered::Response(number) if topic.sent.last == Some(number) => {
                topic.exchange.answer(key.kind(), number, request.error_detail)
            }
            Answered::Response(_) | Answered::Foreign => {
                // The client will say again what it wants, and if that is nothing then, it is not everything.
                topic.sent.named |= !request.resource_names.is_empty();
                return RequestOutcome::Stale;
            }
        };
        if matches!(outcome, RequestOutcome::Nack { .. }) {
            topic.sent.refused = true;
            topic.seen = None;
        }
        subscribe(topic, request.resource_names, key.is_whole());
        outcome
    }

    fn doubt(&mut self, name: &str) -> bool {
        self.resources.remove(name).is_some()
    }

    fn is_due(topic: &Topic<Self>, key: &Key, wanted: &Wanted<'_>) -> bool {
        let sent = &topic.sent;
        let is_new = |(name, resource): (&&str, &&Arc<Resource>)| !sent.has(name, resource);
        let is_gone = |name: &Arc<str>| !wanted.contains_key(&**name);
        wanted.iter().any(is_new)
            // To leave out a resource says that it is gone only where an answer is the whole truth.
            || (key.is_whole() && sent.resources.keys().any(is_gone))
            // What was refused is never sent again; something else is.
            || (sent.refused && !wanted.is_empty() && topic.exchange.sent != Some(version(wanted)))
    }

    fn respond(
        topic: &mut Topic<Self>,
        look: &Look<'_>,
        wanted: Wanted<'_>,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<(u64, Version, DiscoveryResponse)> {
        let kind = look.key.kind();
        let kept: Vec<_> = if look.used && kind == Some(Kind::Clusters) {
            let gone = |(name, _): &(&Arc<str>, &Arc<Resource>)| !wanted.contains_key(&***name);
            let own = |(name, resource): (&Arc<str>, &Arc<Resource>)| (Arc::clone(name), Arc::clone(resource));
            topic.sent.resources.iter().filter(gone).map(own).collect()
        } else {
            Vec::new()
        };
        let mut wanted: Wanted<'_> = wanted;
        wanted.extend(kept.iter().map(|(name, resource)| (&**name, resource)));
        let is_due = topic.asked || Self::is_due(topic, look.key, &wanted);
        if kept.is_empty() {
            topic.seen = Some(look.generation);
        }
        topic.sent.resources.retain(|name, _| wanted.contains_key(&**name));
        if !is_due {
            if wanted.is_empty() {
                // Of what it refused, nothing is left to want.
                topic.sent.refused = false;
                topic.exchange.has(version(&wanted));
            }
            return None;
        }

        warming.sent(kind, &wanted, |name, resource| !topic.sent.has(name, resource));
        let (number, version) = (nonces.next(), version(&wanted));
        topic.sent.refused = false;
        topic.sent.resources = wanted
            .iter()
            .map(|(&name, &resource)| (topic.subscription.shared(name), Arc::clone(resource)))
            .collect();
        topic.sent.last = Some(number);
        let response = DiscoveryResponse {
            version_info: version.to_string(),
            resources: wanted.values().map(|resource| resource.any.clone()).collect(),
            type_url: look.key.type_url().to_owned(),
            nonce: nonces.write(number),
            ..Default::default()
        };
        Some((number, version, response))
    }
}
