//! A model of a State-of-the-World client.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::google::rpc::Status;

use super::client::{Character, Client, Local, is_invalid, name_of, refusal};
use super::pair::is_everything;
use crate::protocol::sotw::SentState;
use crate::resources::Kind;

#[derive(Debug)]
pub(super) struct SotwClient {
    character: Character,
    topics: BTreeMap<Kind, Topic>,
}

#[derive(Debug, Default)]
struct Topic {
    local: Local,
    /// Whether it has asked for this type on this stream, and whether it has named anything.
    asked: bool,
    named: bool,
    version: String,
    nonce: String,
}

impl Topic {
    fn request(&mut self, kind: Kind, character: Character, error: Option<Status>) -> DiscoveryRequest {
        self.asked = true;
        let is_legacy = character.is_legacy && kind.is_whole() && !self.named && is_everything(&self.local.wanted);
        let names: Vec<String> = if is_legacy {
            Vec::new()
        } else {
            self.local.wanted.iter().cloned().collect()
        };
        self.named |= !names.is_empty();
        DiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names: names,
            version_info: self.version.clone(),
            response_nonce: self.nonce.clone(),
            error_detail: error,
            ..Default::default()
        }
    }
}

impl Client for SotwClient {
    type Variant = SentState;

    fn new(character: Character) -> Self {
        Self {
            character,
            topics: BTreeMap::new(),
        }
    }

    fn hears_of_removal(kind: Kind) -> bool {
        kind.is_whole()
    }

    fn local(&self, kind: Kind) -> Option<&Local> {
        self.topics.get(&kind).map(|topic| &topic.local)
    }

    fn want(&mut self, kind: Kind, names: BTreeSet<String>) -> Option<DiscoveryRequest> {
        let topic = self.topics.entry(kind).or_default();
        // Once it has named nothing, it cannot want nothing without having named something.
        let is_stuck = topic.asked && !topic.named && names.is_empty();
        if is_stuck {
            return None;
        }
        topic.local.want(names);
        // To name nothing at first would be to want everything.
        (topic.asked || !topic.local.wanted.is_empty()).then(|| topic.request(kind, self.character, None))
    }

    /// There is no asking again but to give it up and want it again.
    fn forget(&mut self, _: Kind, _: &str) -> Option<DiscoveryRequest> {
        None
    }

    fn read(&mut self, response: DiscoveryResponse) -> DiscoveryRequest {
        let kind = Kind::of_type_url(&response.type_url).unwrap();
        let topic = self.topics.get_mut(&kind).unwrap();
        topic.nonce = response.nonce;
        let resources: BTreeMap<_, _> = response
            .resources
            .into_iter()
            .map(|any| (name_of(kind, &any.value).to_owned(), any.value))
            .collect();
        let is_refused = resources.iter().any(|(name, value)| is_invalid(kind, name, value));
        if !is_refused {
            topic.version = response.version_info;
        }
        if !is_refused || self.character.takes_the_rest {
            if kind.is_whole() {
                // What it refuses it keeps as it was.
                topic.local.held.retain(|name, _| resources.contains_key(name));
            }
            for (name, value) in resources {
                if topic.local.covers(&name) && !is_invalid(kind, &name, &value) {
                    topic.local.held.insert(name, value);
                }
            }
        }
        topic.request(kind, self.character, is_refused.then(refusal))
    }

    fn reconnect(&mut self) -> Vec<DiscoveryRequest> {
        let mut requests = Vec::new();
        for (kind, topic) in &mut self.topics {
            topic.nonce.clear();
            topic.asked = false;
            topic.named = false;
            if !topic.local.wanted.is_empty() {
                requests.push(topic.request(*kind, self.character, None));
            }
        }
        requests
    }

    fn look(response: &DiscoveryResponse) -> (String, Kind, Vec<String>) {
        let kind = Kind::of_type_url(&response.type_url).unwrap();
        let names = response
            .resources
            .iter()
            .map(|any| name_of(kind, &any.value).to_owned());
        (response.nonce.clone(), kind, names.collect())
    }
}
