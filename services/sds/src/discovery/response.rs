//! The answers: of API version 3, of any type, from the store; and of version 2, endpoints of services.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::DiscoveryRequest;
use crate::resources::{Kind, Resource, Version};
use crate::store::{View, World};

/// The type of what holds a service's endpoints in API version 2, which Envoy before 1.18 asks for. Nothing but the names of
/// types differs from version 3.
pub(crate) const V2_ENDPOINTS: &str = "type.googleapis.com/envoy.api.v2.ClusterLoadAssignment";

/// A DiscoveryResponse with resources of one type.
#[derive(Debug, Serialize)]
pub(crate) struct AnyResponse {
    pub(crate) version_info: String,
    pub(crate) resources: Vec<Arc<RawValue>>,
    type_url: &'static str,
    #[serde(skip)]
    pub(crate) version: Version,
}

/// The resources that were asked for by name, as far as they are there; all of them if none was named.
pub(crate) fn wanted<'a>(view: View<'a>, kind: Kind, names: &[String]) -> BTreeMap<&'a str, &'a Arc<Resource>> {
    if names.is_empty() || names.iter().any(|name| name == "*") {
        view.all(kind)
    } else {
        names.iter().filter_map(|name| view.get(kind, name)).collect()
    }
}

/// What is answered to a poll.
///
/// A resource that is not there is left out, and the Envoy keeps what it has: so a discovery service that comes back
/// without its registry takes nothing away.
///
/// # Errors
/// A resource cannot be put into JSON.
pub(crate) fn resources(kind: Kind, request: &DiscoveryRequest, view: View<'_>) -> serde_json::Result<AnyResponse> {
    let wanted = wanted(view, kind, &request.resource_names);
    let version = Version::of_set(wanted.iter().map(|(name, resource)| (*name, resource.version)));
    Ok(AnyResponse {
        version_info: version.to_string(),
        resources: wanted
            .values()
            .map(|resource| resource.json())
            .collect::<Result<_, _>>()?,
        type_url: kind.type_url(),
        version,
    })
}

/// What is answered to a poll of API version 2: the services, whatever else was written.
///
/// # Errors
/// A resource cannot be put into JSON.
pub(crate) fn endpoints_v2(request: &DiscoveryRequest, world: &World) -> serde_json::Result<AnyResponse> {
    let mut response = resources(Kind::Endpoints, request, world.unwritten().view(""))?;
    for resource in &mut response.resources {
        let text = resource.get().replacen(response.type_url, V2_ENDPOINTS, 1);
        *resource = RawValue::from_string(text)?.into();
    }
    response.type_url = V2_ENDPOINTS;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{Change, Layer, Store};

    fn store(services: &[(&str, &str)]) -> Store {
        let store = Store::in_memory();
        for (name, ip) in services {
            let service = serde_json::from_value(json!({"hosts": [{"ip_address": ip, "port": 80}]})).unwrap();
            store.apply(Change::Put(name.parse().unwrap(), service)).unwrap();
        }
        store
    }

    fn request(names: &[&str]) -> DiscoveryRequest {
        DiscoveryRequest {
            resource_names: names.iter().map(|&name| name.to_owned()).collect(),
            ..DiscoveryRequest::default()
        }
    }

    #[test]
    fn the_version_depends_on_what_is_answered_and_on_nothing_else() {
        let all = store(&[("echo", "10.0.0.1"), ("pet", "10.0.0.2")]);
        let version = |names: &[&str], store: &Store| {
            let world = store.world();
            let response = resources(Kind::Endpoints, &request(names), world.view(""));
            response.unwrap().version_info
        };
        let pet = version(&["pet"], &all);
        assert_eq!(pet, version(&["pet", "unknown", "pet"], &store(&[("pet", "10.0.0.2")])));
        assert_eq!(version(&["pet", "echo"], &all), version(&[], &all));
        for other in [
            version(&["echo"], &all),
            version(&[], &all),
            version(&["pet"], &store(&[("pet", "10.0.0.3")])),
        ] {
            assert_ne!(pet, other);
        }
    }

    #[test]
    fn version_2_knows_services_and_nothing_that_was_written() {
        let store = store(&[("pet", "10.0.0.2")]);
        for name in ["pet", "other"] {
            let body = json!({ "cluster_name": name }).to_string();
            let written = Resource::from_json(Kind::Endpoints, name, body.as_bytes()).unwrap();
            store
                .put(Kind::Endpoints, Layer::Written, name, Arc::new(written))
                .unwrap();
        }
        for names in [&["pet", "other"][..], &[]] {
            let answer = endpoints_v2(&request(names), &store.world()).unwrap();
            let [pet] = &*answer.resources else {
                panic!("{answer:?}")
            };
            assert!(
                pet.get().starts_with(&format!("{{\"@type\":\"{V2_ENDPOINTS}\"")),
                "{pet}"
            );
            assert!(pet.get().contains("10.0.0.2"), "{pet}");
        }
    }
}
