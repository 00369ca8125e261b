//! A model of a State-of-the-World client.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::google::rpc::Status;

use super::{Client, KINDS, Local, NAMES, Scope, is_invalid, put};
use crate::protocol::Sotw;
use crate::resources::{Cache, Kind};

#[derive(Debug, Default)]
pub(super) struct SotwClient(BTreeMap<Kind, Topic>);

#[derive(Debug, Default)]
struct Topic {
    local: Local,
    /// Whether it has asked for this type on this stream.
    asked: bool,
    version: String,
    nonce: String,
}

impl Topic {
    fn request(&mut self, kind: Kind, error: Option<Status>) -> DiscoveryRequest {
        self.asked = true;
        DiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names: self.local.wanted.iter().cloned().collect(),
            version_info: self.version.clone(),
            response_nonce: self.nonce.clone(),
            error_detail: error,
            ..Default::default()
        }
    }
}

/// The name of a resource of this test, by its bytes: a State-of-the-World response does not tell names.
fn name_of(kind: Kind, bytes: &[u8]) -> &'static str {
    let is = |name: &&&str| {
        [0, 1, 2, 3, 9].into_iter().any(|content| {
            let cache = Cache::default();
            put(&cache, kind, name, content);
            cache.world().view("").get(kind, name).unwrap().1.any.value == bytes
        })
    };
    NAMES.iter().find(is).unwrap()
}

impl Client for SotwClient {
    type Machine = Sotw;

    fn machine(stream: u64) -> Sotw {
        Sotw::new(Scope::Aggregated, stream)
    }

    fn hears_of_removal(kind: Kind) -> bool {
        kind.is_whole()
    }

    fn local(&self, kind: Kind) -> &Local {
        static NONE: Local = Local {
            wanted: BTreeSet::new(),
            held: BTreeMap::new(),
        };
        self.0.get(&kind).map_or(&NONE, |topic| &topic.local)
    }

    fn want(&mut self, kind: Kind, names: BTreeSet<String>) -> Option<DiscoveryRequest> {
        let topic = self.0.entry(kind).or_default();
        topic.local.want(names);
        // To name nothing at first would be to want everything.
        (topic.asked || !topic.local.wanted.is_empty()).then(|| topic.request(kind, None))
    }

    fn read(&mut self, response: DiscoveryResponse) -> DiscoveryRequest {
        let kind = Kind::of_type_url(&response.type_url).unwrap();
        let topic = self.0.get_mut(&kind).unwrap();
        topic.nonce = response.nonce;
        let resources: BTreeMap<_, _> = response
            .resources
            .into_iter()
            .map(|any| (name_of(kind, &any.value).to_owned(), any.value))
            .collect();
        if resources.iter().any(|(name, value)| is_invalid(kind, name, value)) {
            let error = Status {
                code: 13,
                message: "no".to_owned(),
                ..Default::default()
            };
            return topic.request(kind, Some(error));
        }
        topic.version = response.version_info;
        if kind.is_whole() {
            topic.local.held.clear();
        }
        for (name, value) in resources {
            if topic.local.covers(&name) {
                topic.local.held.insert(name, value);
            }
        }
        topic.request(kind, None)
    }

    fn reconnect(&mut self) -> Vec<DiscoveryRequest> {
        let mut requests = Vec::new();
        for kind in KINDS {
            if let Some(topic) = self.0.get_mut(&kind) {
                topic.nonce.clear();
                topic.asked = false;
                if !topic.local.wanted.is_empty() {
                    requests.push(topic.request(kind, None));
                }
            }
        }
        requests
    }
}
