//! One type on a delta stream.

use std::collections::HashMap;
use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, Resource};
use envoy_types::pb::google::rpc::Status;

use super::told::Told;
use crate::protocol::exchange::Exchange;
use crate::protocol::session::{Heard, Nonces, Push, TopicStatus};
use crate::protocol::subscription::{Subscription, WILDCARD, version};
use crate::protocol::topic::{Key, Weight};
use crate::protocol::warming::Warming;
use crate::resources::{Kind, Version, View};

/// One type on a delta stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Topic {
    subscription: Subscription,
    /// An answer is due, whatever is in it.
    asked: bool,
    told: Told,
    /// The generation of the resources that was last looked at.
    seen: Option<u64>,
    exchange: Exchange,
}

impl Topic {
    /// What the first request asks for.
    pub(super) fn new(names: Vec<String>, versions: HashMap<String, String>, whole: bool) -> Self {
        let mut topic = Self {
            asked: versions.is_empty(),
            ..Self::default()
        };
        // Naming nothing at first is to want everything. This holds until it is given up, whatever is named later.
        topic.subscription.wildcard = whole && names.is_empty();
        topic.subscribe(names);
        for (name, version) in versions {
            if topic.subscription.covers(&name) {
                topic.told.has(name, Version::parse(&version));
            }
        }
        topic
    }

    pub(super) fn weight(&self) -> Weight {
        self.subscription.weight()
    }

    /// Whether a name is one of those that are wanted already.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.subscription.names.contains(name)
    }

    /// The client answers a response.
    pub(super) fn answered(&mut self, kind: Option<Kind>, number: u64, error: Option<Status>) -> Heard {
        let before = self.exchange.acknowledged;
        let heard = self.exchange.answer(kind, number, error);
        match heard {
            Heard::Ack { .. } => {
                self.told.taken(number);
                let is_more_under_way = self.exchange.is_waited_for(self.exchange.acknowledged);
                if self.told.is_refused() || is_more_under_way {
                    // It took this response, and lacks something of another.
                    self.exchange.acknowledged = before;
                }
            }
            Heard::Nack { .. } => {
                self.told.refused(number);
                self.seen = None;
            }
            Heard::Request | Heard::Stale => {}
        }
        heard
    }

    pub(super) fn subscribe(&mut self, names: Vec<String>) {
        for name in names {
            self.seen = None;
            if name == WILDCARD {
                self.subscription.wildcard = true;
                self.told.tell_former();
            } else if !name.is_empty() {
                // Even a name that it wants already is told again: it may have dropped the resource and wanted it again
                // before it came to say so.
                let name: Arc<str> = name.into();
                self.told.tell(&name);
                self.subscription.names.insert(name);
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, names: &[String]) {
        for name in names {
            self.seen = None;
            if name == WILDCARD {
                self.subscription.wildcard = false;
                self.told.keep(&self.subscription.names);
            } else if let Some(name) = self.subscription.names.take(name.as_str()) {
                if self.subscription.wildcard {
                    // It cannot know whether everything has this name too.
                    self.told.tell(&name);
                } else {
                    self.told.drop(&name);
                }
            }
        }
    }

    fn is_to_be_looked_at(&self, generation: u64) -> bool {
        self.asked || self.seen != Some(generation)
    }

    /// Whether a response is due.
    pub(super) fn is_due(&self, key: &Key, view: View<'_>) -> bool {
        if self.asked || !self.is_to_be_looked_at(key.generation(view)) {
            return self.asked;
        }
        let wanted = self.subscription.wanted(key.kind(), view);
        !self.told.due(&wanted).is_nothing()
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
    ) -> Option<Push<DeltaDiscoveryResponse>> {
        for name in warming.again(key.kind()) {
            if self.told.doubt(name) {
                self.seen = None;
            }
        }
        let generation = key.generation(view);
        if !self.is_to_be_looked_at(generation) {
            return None;
        }
        let wanted = self.subscription.wanted(key.kind(), view);
        let mut due = self.told.due(&wanted);
        let removed = due.removed.len();
        if used && matches!(key.kind(), Some(Kind::Clusters | Kind::Endpoints)) {
            // That there never was one can be told at once.
            due.removed.retain(|name| !self.told.is_held(name));
        }
        let is_kept = due.removed.len() < removed;
        let by_change = self.seen.is_some() && !self.asked;
        self.seen = (!is_kept).then_some(generation).or(self.seen);
        if !self.asked && due.is_nothing() {
            if !is_kept && !self.told.is_refused() {
                self.exchange.has(version(&wanted));
            }
            return None;
        }

        warming.sent(key.kind(), &wanted, |name, _| due.brings(name));
        self.asked = false;
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
        self.told.sent(number, &versions, &removed, &self.subscription.names);
        if self.told.has_rest() {
            self.seen = None;
        }
        let changed = key.kind().filter(|_| by_change).and_then(|kind| view.changed(kind));
        self.exchange.send(number, version, changed);
        Some(Push {
            kind: key.kind(),
            response: DeltaDiscoveryResponse {
                system_version_info: version.to_string(),
                resources,
                type_url: key.type_url().to_owned(),
                removed_resources: removed,
                nonce: nonces.write(number),
                ..Default::default()
            },
        })
    }
}
