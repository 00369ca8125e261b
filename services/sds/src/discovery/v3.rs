//! The answer of API version 3, of any type, from the cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::DiscoveryRequest;
use crate::resources::{Kind, Resource, Version, View};

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
