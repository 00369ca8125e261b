//! A model of a delta client.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};

use super::client::{Character, Client, Local, is_invalid, refusal};
use super::pair::is_everything;
use crate::protocol::delta::SentState;
use crate::resources::Kind;

#[derive(Debug)]
pub(super) struct DeltaClient {
    character: Character,
    topics: BTreeMap<Kind, Topic>,
}

#[derive(Debug, Default)]
struct Topic {
    local: Local,
    versions: BTreeMap<String, String>,
    /// Whether it has asked for this type on this stream.
    asked: bool,
}

impl Topic {
    /// What it subscribes to in a request: to want everything at first, it may name nothing.
    fn subscribe(&mut self, kind: Kind, character: Character, names: Vec<String>) -> Vec<String> {
        let first = !std::mem::replace(&mut self.asked, true);
        let is_legacy = first && character.is_legacy && kind.is_whole() && is_everything(&self.local.wanted);
        if is_legacy { Vec::new() } else { names }
    }
}

fn request(kind: Kind) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        ..Default::default()
    }
}

impl Client for DeltaClient {
    type Variant = SentState;

    fn new(character: Character) -> Self {
        Self {
            character,
            topics: BTreeMap::new(),
        }
    }

    fn hears_of_removal(_: Kind) -> bool {
        true
    }

    fn local(&self, kind: Kind) -> Option<&Local> {
        self.topics.get(&kind).map(|topic| &topic.local)
    }

    fn want(&mut self, kind: Kind, names: BTreeSet<String>) -> Option<DeltaDiscoveryRequest> {
        let topic = self.topics.entry(kind).or_default();
        let before = topic.local.wanted.clone();
        topic.local.want(names);
        let wanted = topic.local.wanted.clone();
        if wanted == before {
            return None;
        }
        let more = wanted.difference(&before).cloned().collect();
        Some(DeltaDiscoveryRequest {
            resource_names_subscribe: topic.subscribe(kind, self.character, more),
            resource_names_unsubscribe: before.difference(&wanted).cloned().collect(),
            ..request(kind)
        })
    }

    fn forget(&mut self, kind: Kind, name: &str) -> Option<DeltaDiscoveryRequest> {
        let local = &mut self.topics.get_mut(&kind)?.local;
        if !local.wanted.contains(name) {
            return None;
        }
        local.held.remove(name);
        Some(DeltaDiscoveryRequest {
            resource_names_subscribe: vec![name.to_owned()],
            ..request(kind)
        })
    }

    fn read(&mut self, response: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest {
        let kind = Kind::of_type_url(&response.type_url).unwrap();
        let topic = self.topics.get_mut(&kind).unwrap();
        let value = |resource: &envoy_types::pb::envoy::service::discovery::v3::Resource| {
            resource.resource.clone().unwrap_or_default().value
        };
        let is_refused = response
            .resources
            .iter()
            .any(|resource| is_invalid(kind, &resource.name, &value(resource)));
        if !is_refused || self.character.takes_the_rest {
            for resource in response.resources {
                let value = value(&resource);
                if topic.local.covers(&resource.name) && !is_invalid(kind, &resource.name, &value) {
                    topic.versions.insert(resource.name.clone(), resource.version);
                    topic.local.held.insert(resource.name, value);
                }
            }
            for name in response.removed_resources {
                topic.local.held.remove(&name);
            }
        }
        DeltaDiscoveryRequest {
            response_nonce: response.nonce,
            error_detail: is_refused.then(refusal),
            ..request(kind)
        }
    }

    fn reconnect(&mut self) -> Vec<DeltaDiscoveryRequest> {
        let mut requests = Vec::new();
        for (kind, topic) in &mut self.topics {
            topic.asked = false;
            if !topic.local.wanted.is_empty() {
                let names = topic.local.wanted.iter().cloned().collect();
                let held = topic.local.held.keys();
                let versions = held.map(|name| (name.clone(), topic.versions[name].clone())).collect();
                requests.push(DeltaDiscoveryRequest {
                    resource_names_subscribe: topic.subscribe(*kind, self.character, names),
                    initial_resource_versions: versions,
                    ..request(*kind)
                });
            }
        }
        requests
    }

    fn look(response: &DeltaDiscoveryResponse) -> (String, Kind, Vec<String>) {
        let kind = Kind::of_type_url(&response.type_url).unwrap();
        let names = response.resources.iter().map(|resource| resource.name.clone());
        (response.nonce.clone(), kind, names.collect())
    }
}
