//! A model of a delta client.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use envoy_types::pb::google::rpc::Status;

use super::{Client, KINDS, Local, Scope, is_invalid};
use crate::protocol::Delta;
use crate::resources::Kind;

#[derive(Debug, Default)]
pub(super) struct DeltaClient(BTreeMap<Kind, Topic>);

#[derive(Debug, Default)]
struct Topic {
    local: Local,
    versions: BTreeMap<String, String>,
}

fn request(kind: Kind) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        ..Default::default()
    }
}

impl Client for DeltaClient {
    type Machine = Delta;

    fn machine(stream: u64) -> Delta {
        Delta::new(Scope::Aggregated, stream)
    }

    fn hears_of_removal(_: Kind) -> bool {
        true
    }

    fn local(&self, kind: Kind) -> &Local {
        static NONE: Local = Local {
            wanted: BTreeSet::new(),
            held: BTreeMap::new(),
        };
        self.0.get(&kind).map_or(&NONE, |topic| &topic.local)
    }

    fn want(&mut self, kind: Kind, names: BTreeSet<String>) -> Option<DeltaDiscoveryRequest> {
        let topic = self.0.entry(kind).or_default();
        let before = topic.local.wanted.clone();
        topic.local.want(names);
        let wanted = &topic.local.wanted;
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: wanted.difference(&before).cloned().collect(),
            resource_names_unsubscribe: before.difference(wanted).cloned().collect(),
            ..request(kind)
        };
        // To name nothing at first would be to want everything.
        (wanted != &before).then_some(request)
    }

    fn read(&mut self, response: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest {
        let kind = Kind::of_type_url(&response.type_url).unwrap();
        let topic = self.0.get_mut(&kind).unwrap();
        let mut request = DeltaDiscoveryRequest {
            response_nonce: response.nonce,
            ..request(kind)
        };
        for resource in response.resources {
            let value = resource.resource.unwrap().value;
            if is_invalid(kind, &resource.name, &value) {
                // The others of the response are taken all the same, as an Envoy does.
                request.error_detail = Some(Status {
                    code: 13,
                    message: "no".to_owned(),
                    ..Default::default()
                });
            } else if topic.local.covers(&resource.name) {
                topic.versions.insert(resource.name.clone(), resource.version);
                topic.local.held.insert(resource.name, value);
            }
        }
        for name in response.removed_resources {
            topic.local.held.remove(&name);
        }
        request
    }

    fn reconnect(&mut self) -> Vec<DeltaDiscoveryRequest> {
        let mut requests = Vec::new();
        for kind in KINDS {
            let Some(topic) = self.0.get(&kind) else { continue };
            if !topic.local.wanted.is_empty() {
                let held = topic.local.held.keys();
                requests.push(DeltaDiscoveryRequest {
                    resource_names_subscribe: topic.local.wanted.iter().cloned().collect(),
                    initial_resource_versions: held.map(|name| (name.clone(), topic.versions[name].clone())).collect(),
                    ..request(kind)
                });
            }
        }
        requests
    }
}
