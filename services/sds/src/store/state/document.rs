//! What is kept on disk, in the form in which it is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use meshkat_kit::from_json;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::error::StateError;
use crate::host::Service;
use crate::name::ServiceName;
use crate::resources::{Kind, Resource, Strict};
use crate::store::world::{Layer, World};

/// The shape of a file that has services alone. It is written as long as that is all, so that older programs can read it.
const SERVICES: u32 = 1;

/// The shape of a file that has resources too.
const RESOURCES: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<S, R> {
    version: u32,
    services: S,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    resources: Vec<R>,
}

/// The services of a file that people may have written: a name that is there twice would lose one of the two.
struct Services(BTreeMap<ServiceName, Service>);

impl<'de> Deserialize<'de> for Services {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Services;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of services")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Services, A::Error> {
                let mut services = BTreeMap::new();
                while let Some(name) = map.next_key::<ServiceName>()? {
                    if services.contains_key(&name) {
                        return Err(A::Error::custom(format!(
                            "the service {name} is there twice; leave out one of them"
                        )));
                    }
                    services.insert(name, map.next_value()?);
                }
                Ok(Services(services))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// A resource as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResource {
    #[serde(rename = "type")]
    kind: Kind,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_cluster: Option<String>,
    resource: Strict,
}

/// Everything that a restart is not to lose of a world.
///
/// # Errors
/// A resource cannot be put into JSON.
pub(super) fn write(world: &World) -> serde_json::Result<Vec<u8>> {
    let services: BTreeMap<&str, &Service> = world.services().map(|(name, service)| (name, &**service)).collect();
    let resources = world.written().map(|(kind, node_cluster, name, resource)| {
        let mut resource: Map<String, Value> = serde_json::from_str(resource.json()?.get())?;
        // It is said beside it already.
        resource.shift_remove("@type");
        Ok(WrittenResource {
            kind,
            name: name.to_owned(),
            node_cluster: node_cluster.map(str::to_owned),
            resource: Strict(resource),
        })
    });
    let resources: Vec<WrittenResource> = resources.collect::<serde_json::Result<_>>()?;
    let mut bytes = serde_json::to_vec_pretty(&Document {
        version: if resources.is_empty() { SERVICES } else { RESOURCES },
        services,
        resources,
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The world that a file holds.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<World, StateError> {
    let corrupt = |error| StateError::Corrupt {
        path: path.to_owned(),
        error,
    };
    let document: Document<Services, WrittenResource> = from_json(bytes).map_err(corrupt)?;
    match document.version {
        RESOURCES => {}
        SERVICES if document.resources.is_empty() => {}
        SERVICES => return Err(StateError::OldVersion(path.to_owned())),
        version => {
            return Err(StateError::Version {
                path: path.to_owned(),
                version,
            });
        }
    }
    let mut world = World::new();
    for (name, service) in document.services.0 {
        let resource = Resource::of_service(name.as_str(), &Arc::new(service));
        world.place(
            Kind::Endpoints,
            Layer::Registered,
            name.as_str(),
            Some(Arc::new(resource)),
        );
    }
    for (index, written) in document.resources.into_iter().enumerate() {
        let kind = written.kind;
        let broken = |error| StateError::Resource {
            path: path.to_owned(),
            index,
            error,
        };
        let resource = Resource::from_fields(kind, &written.name, written.resource);
        let resource = resource.map_err(|error| broken(error.to_string()))?;
        let layer = Layer::written(written.node_cluster.as_deref());
        if world.place(kind, layer, &written.name, Some(Arc::new(resource))) {
            // As with services, one of the two would be lost.
            let nodes = written.node_cluster.as_ref();
            let nodes = nodes.map_or("all nodes".to_owned(), |cluster| {
                format!("the nodes of cluster {cluster}")
            });
            return Err(broken(format!(
                "among the {}, {} is there twice for {nodes}; leave out one of them",
                kind.plural(),
                written.name
            )));
        }
    }
    Ok(world)
}
