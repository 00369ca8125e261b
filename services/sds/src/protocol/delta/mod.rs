//! Delta: each response has what changed of what the client wants.

mod sent;

use std::collections::BTreeSet;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use envoy_types::pb::google::rpc::Status;

use super::exchange::RequestOutcome;
use super::key::Key;
use super::session::{Nonces, Refused};
use super::subscription::{Subscription, WILDCARD, Wanted, version};
use super::topic::{Answered, Look, Topic, Variant};
use super::warming::Warming;
use super::weight::Weight;
use crate::resources::{Kind, Version};
pub(crate) use sent::SentState;

impl Topic<SentState> {
    /// The client answers a response.
    fn answered(&mut self, kind: Option<Kind>, number: u64, error: Option<Status>) -> RequestOutcome {
        let before = self.exchange.acknowledged;
        let outcome = self.exchange.answer(kind, number, error);
        match outcome {
            RequestOutcome::Ack { .. } => {
                self.sent.taken(number);
                let is_more_under_way = self.exchange.is_waited_for(self.exchange.acknowledged);
                if self.sent.is_refused() || is_more_under_way {
                    // It took this response, and lacks something of another.
                    self.exchange.acknowledged = before;
                }
            }
            RequestOutcome::Nack { .. } => {
                self.sent.refused(number);
                self.seen = None;
            }
            // What it says of the response is past; what it wants still counts.
            RequestOutcome::Request | RequestOutcome::Stale => return RequestOutcome::Stale,
        }
        outcome
    }

    fn subscribe(&mut self, names: Vec<String>) {
        for name in names {
            self.seen = None;
            if name == WILDCARD {
                self.subscription.wildcard = true;
                self.sent.tell_former();
            } else if !name.is_empty() {
                // Even a name that it wants already is told again: it may have dropped the resource and wanted it again
                // before it came to say so.
                let name: Arc<str> = name.into();
                self.sent.tell(&name);
                self.subscription.names.insert(name);
            }
        }
    }

    fn unsubscribe(&mut self, names: &[String]) {
        for name in names {
            self.seen = None;
            if name == WILDCARD {
                self.subscription.wildcard = false;
                self.sent.keep(&self.subscription.names);
            } else if let Some(name) = self.subscription.names.take(name.as_str()) {
                if self.subscription.wildcard {
                    // It cannot know whether everything has this name too.
                    self.sent.tell(&name);
                } else {
                    self.sent.drop(&name);
                }
            }
        }
    }
}

impl Variant for SentState {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;

    fn node(request: &mut DeltaDiscoveryRequest) -> Option<Node> {
        request.node.take()
    }

    fn sign(response: &mut DeltaDiscoveryResponse, sender: ControlPlane) {
        response.control_plane = Some(sender);
    }

    fn header(request: &DeltaDiscoveryRequest) -> (&str, &str) {
        (&request.type_url, &request.response_nonce)
    }

    fn weight(known: Option<&Topic<Self>>, request: &DeltaDiscoveryRequest) -> Result<Option<Weight>, Refused> {
        let (names, versions) = (&request.resource_names_subscribe, &request.initial_resource_versions);
        Weight::of(versions.keys().map(String::as_str)).check()?;
        if names.is_empty() && versions.is_empty() {
            return Ok(None);
        }
        let is_new = |name: &&str| known.is_none_or(|topic| !topic.subscription.names.contains(*name));
        let mut new = Weight::of(names.iter().map(String::as_str).filter(is_new));
        if known.is_none() && (names.is_empty() || names.iter().any(|name| name == WILDCARD)) {
            // What it has is kept besides what it names, until it is told what there is.
            let named: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let versions = versions.keys().map(String::as_str);
            new = new.and(Weight::of(versions.filter(|name| !named.contains(name))));
        }
        Ok(Some(known.map_or(new, |topic| topic.weight().and(new))))
    }

    fn first(request: DeltaDiscoveryRequest, whole: bool) -> Topic<Self> {
        let mut topic = Topic {
            asked: request.initial_resource_versions.is_empty(),
            ..Topic::default()
        };
        // Naming nothing at first is to want everything. This holds until it is given up, whatever is named later.
        topic.subscription.wildcard = whole && request.resource_names_subscribe.is_empty();
        topic.subscribe(request.resource_names_subscribe);
        for (name, version) in request.initial_resource_versions {
            if topic.subscription.covers(&name) {
                topic.sent.has(name, Version::parse(&version));
            }
        }
        topic.unsubscribe(&request.resource_names_unsubscribe);
        topic
    }

    fn hear(topic: &mut Topic<Self>, key: &Key, answered: Answered, request: DeltaDiscoveryRequest) -> RequestOutcome {
        let outcome = match answered {
            Answered::Nothing => RequestOutcome::Request,
            Answered::Foreign => RequestOutcome::Stale,
            Answered::Response(number) => topic.answered(key.kind(), number, request.error_detail),
        };
        topic.subscribe(request.resource_names_subscribe);
        topic.unsubscribe(&request.resource_names_unsubscribe);
        outcome
    }

    fn beside(&self, subscription: &Subscription) -> Weight {
        self.weight(&subscription.names)
    }

    fn doubt(&mut self, name: &str) -> bool {
        SentState::doubt(self, name)
    }

    fn is_due(topic: &Topic<Self>, _: &Key, wanted: &Wanted<'_>) -> bool {
        !topic.sent.due(wanted).is_nothing()
    }

    fn respond(
        topic: &mut Topic<Self>,
        look: &Look<'_>,
        wanted: Wanted<'_>,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<(u64, Version, DeltaDiscoveryResponse)> {
        let kind = look.key.kind();
        topic.sent.prove(&wanted);
        let mut due = topic.sent.due(&wanted);
        let removed = due.removed.len();
        if look.used && matches!(kind, Some(Kind::Clusters | Kind::Endpoints)) {
            // That there never was one can be told at once.
            due.removed.retain(|name| !topic.sent.is_held(name));
        }
        let is_kept = due.removed.len() < removed;
        if !is_kept {
            topic.seen = Some(look.generation);
        }
        if !topic.asked && due.is_nothing() {
            if !is_kept && !topic.sent.is_refused() {
                topic.exchange.has(version(&wanted));
            }
            return None;
        }

        warming.sent(kind, &wanted, |name, _| due.brings(name));
        let (number, version) = (nonces.next(), version(&wanted));
        let resources = due.resources.iter().map(|(name, resource)| Resource {
            name: (*name).to_owned(),
            version: resource.version.to_string(),
            resource: Some(resource.any.clone()),
            ..Default::default()
        });
        let resources: Vec<Resource> = resources.collect();
        let versions = due
            .resources
            .iter()
            .map(|(name, resource)| ((*name).to_owned(), resource.version));
        let versions: Vec<(String, Version)> = versions.collect();
        let removed: Vec<String> = due.removed.iter().map(|&name| name.to_owned()).collect();
        topic.sent.sent(number, &versions, &removed, &topic.subscription.names);
        if topic.sent.has_rest() {
            topic.seen = None;
        }
        let response = DeltaDiscoveryResponse {
            system_version_info: version.to_string(),
            resources,
            type_url: look.key.type_url().to_owned(),
            removed_resources: removed,
            nonce: nonces.write(number),
            ..Default::default()
        };
        Some((number, version, response))
    }
}
