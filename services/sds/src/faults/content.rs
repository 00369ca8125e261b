//! What is answered instead of the truth.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::resources::{Kind, Resource};
use crate::store::World;

/// What a REST answer is that does not parse.
pub(crate) const NO_JSON: &str = "this is no JSON: PUT /xds/v3/faults asked for garbage\n";

/// A way in which the content of answers is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// It does not parse.
    Garbage,
    /// It parses, and breaks a constraint that Envoy checks.
    Invalid,
    /// There is nothing.
    Empty,
}

impl Content {
    /// What is told in place of a world. What is unchanged since `before`, a world and what was told in its place, is
    /// taken from there.
    pub(super) fn of_world(self, world: &World, before: Option<(&World, &World)>) -> World {
        world.altered(before, |kind, name, resource| self.of_resource(kind, name, resource))
    }

    /// What is told in place of a resource, with a version of its own; `None` if it is left out.
    fn of_resource(self, kind: Kind, name: &str, resource: &Resource) -> Option<Arc<Resource>> {
        let altered = match self {
            Self::Garbage => Some(resource.garbled()),
            Self::Invalid => Some(invalid(kind, name, resource).unwrap_or_else(|| resource.garbled())),
            Self::Empty if kind == Kind::Endpoints => {
                let text = json!({"cluster_name": name}).to_string();
                Resource::from_json(kind, name, text.as_bytes()).ok()
            }
            Self::Empty => None,
        };
        altered.map(Arc::new)
    }

    /// What is told in place of a DiscoveryResponse of API version 2; `None` is no JSON at all.
    pub(crate) fn of_v2(self, mut response: Value) -> Option<Value> {
        let assignments = response["resources"].as_array_mut().into_iter().flatten();
        match self {
            Self::Garbage => return None,
            Self::Invalid => assignments.for_each(break_assignment),
            Self::Empty => assignments.for_each(|assignment| assignment["endpoints"] = json!([])),
        }
        Some(response)
    }

    /// What is told in place of the hosts of API version 1; `None` is no JSON at all.
    pub(crate) fn of_v1(self, mut service: Value) -> Option<Value> {
        match self {
            Self::Garbage => return None,
            Self::Empty => service["hosts"] = json!([]),
            Self::Invalid => match service["hosts"].as_array_mut() {
                Some(hosts) if !hosts.is_empty() => {
                    for host in hosts {
                        host["tags"]["load_balancing_weight"] = json!(0);
                    }
                }
                _ => service["hosts"] = json!([{"port": 0}]),
            },
        }
        Some(service)
    }
}

/// The resource with its name, and something that its type's constraints forbid.
fn invalid(kind: Kind, name: &str, resource: &Resource) -> Option<Resource> {
    let mut fields: Value = serde_json::from_str(resource.json().ok()?.get()).ok()?;
    match kind {
        Kind::Endpoints => break_assignment(&mut fields),
        Kind::Clusters => fields["connect_timeout"] = json!("0s"),
        Kind::Secrets => make_nothing_of(&mut fields),
        Kind::Listeners => fields["connection_balance_config"] = json!({}),
        Kind::Routes => {
            let host = json!({"name": "invalid-on-purpose", "domains": []});
            add(&mut fields["virtual_hosts"], host);
        }
    }
    Resource::from_json(kind, name, fields.to_string().as_bytes()).ok()
}

/// A weight is 1 at least, and a priority 128 at most.
fn break_assignment(assignment: &mut Value) {
    let localities = assignment["endpoints"].as_array_mut().into_iter().flatten();
    let mut found = false;
    for locality in localities {
        for endpoint in locality["lb_endpoints"].as_array_mut().into_iter().flatten() {
            endpoint["load_balancing_weight"] = json!(0);
            found = true;
        }
    }
    if !found {
        add(&mut assignment["endpoints"], json!({"priority": 129}));
    }
}

/// A secret is a session's keys, and there is none of them.
fn make_nothing_of(secret: &mut Value) {
    *secret = json!({"name": secret["name"], "session_ticket_keys": {}});
}

fn add(items: &mut Value, item: Value) {
    match items.as_array_mut() {
        Some(items) => items.push(item),
        None => *items = json!([item]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Layer, Store};

    fn resource(kind: Kind, fields: Value) -> Arc<Resource> {
        let mut fields = fields;
        fields[kind.name_field()] = json!("a");
        Arc::new(Resource::from_json(kind, "a", fields.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn each_type_keeps_its_name_and_breaks_a_constraint() {
        let endpoint = json!({"endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 1}}}});
        for (kind, fields, pointer, expected) in [
            (
                Kind::Endpoints,
                json!({"endpoints": [{"lb_endpoints": [endpoint]}]}),
                "/endpoints/0/lb_endpoints/0/load_balancing_weight",
                json!(0),
            ),
            (Kind::Endpoints, json!({}), "/endpoints/0/priority", json!(129)),
            (
                Kind::Clusters,
                json!({"connect_timeout": "1s"}),
                "/connect_timeout",
                json!("0s"),
            ),
            (Kind::Listeners, json!({}), "/connection_balance_config", json!({})),
            (
                Kind::Secrets,
                json!({"generic_secret": {"secret": {"inline_string": "s"}}}),
                "/session_ticket_keys",
                json!({}),
            ),
            (
                Kind::Routes,
                json!({"virtual_hosts": [{"name": "x", "domains": ["*"]}]}),
                "/virtual_hosts/1/name",
                json!("invalid-on-purpose"),
            ),
            (
                Kind::Routes,
                json!({}),
                "/virtual_hosts/0/name",
                json!("invalid-on-purpose"),
            ),
        ] {
            let truth = resource(kind, fields);
            let told = Content::Invalid.of_resource(kind, "a", &truth).unwrap();
            let json: Value = serde_json::from_str(told.json().unwrap().get()).unwrap();
            assert_eq!(json.pointer(pointer), Some(&expected), "{json}");
            assert_eq!(json[kind.name_field()], "a");
            assert_ne!(told.version, truth.version);
        }
    }

    #[test]
    fn what_has_not_changed_is_not_made_again() {
        let store = Store::in_memory();
        let put = |kind, content| store.put(kind, Layer::Written, "a", resource(kind, content)).unwrap();
        put(Kind::Clusters, json!({}));
        put(Kind::Endpoints, json!({}));
        let first = store.world();
        let told = Content::Invalid.of_world(&first, None);
        put(Kind::Endpoints, json!({"endpoints": [{}]}));
        let then = Content::Invalid.of_world(&store.world(), Some((&first, &told)));
        let found = |world: &World, kind| Arc::clone(world.view("").get(kind, "a").unwrap().1);
        assert!(Arc::ptr_eq(
            &found(&told, Kind::Clusters),
            &found(&then, Kind::Clusters)
        ));
        assert!(!Arc::ptr_eq(
            &found(&told, Kind::Endpoints),
            &found(&then, Kind::Endpoints)
        ));
    }

    #[test]
    fn the_older_versions_of_the_api_are_wrong_too() {
        let truth = json!({"hosts": [{"ip_address": "10.0.0.1", "port": 1, "tags": {"load_balancing_weight": 5}}]});
        assert_eq!(Content::Garbage.of_v1(truth.clone()), None);
        assert_eq!(Content::Empty.of_v1(truth.clone()), Some(json!({"hosts": []})));
        let told = Content::Invalid.of_v1(truth).unwrap();
        assert_eq!(told["hosts"][0]["tags"]["load_balancing_weight"], 0);

        let truth = json!({"resources": [{"endpoints": [{"lb_endpoints": [{}]}]}]});
        assert_eq!(Content::Garbage.of_v2(truth.clone()), None);
        let told = Content::Empty.of_v2(truth.clone()).unwrap();
        assert_eq!(told["resources"][0]["endpoints"], json!([]));
        let told = Content::Invalid.of_v2(truth).unwrap();
        let told = &told["resources"][0]["endpoints"][0]["lb_endpoints"][0];
        assert_eq!(told["load_balancing_weight"], 0);
    }
}
