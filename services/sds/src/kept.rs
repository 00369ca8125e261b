//! What is kept on disk, in the form in which it is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::registry::Snapshot;
use crate::resources::{Kind, Layer, Resource, Strict, World};

/// Everything that a restart is not to lose.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) services: Arc<Snapshot>,
    /// What was written over `/xds/v3`.
    pub(crate) resources: Vec<KeptResource>,
}

/// A resource and where it was put.
#[derive(Debug, Clone)]
pub(crate) struct KeptResource {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The nodes that it is for; `None` is all.
    pub(crate) node_cluster: Option<String>,
    pub(crate) resource: Arc<Resource>,
}

/// The same as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenResource {
    #[serde(rename = "type")]
    kind: Plural,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_cluster: Option<String>,
    resource: Strict,
}

/// A type as paths have it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Plural {
    Clusters,
    Endpoints,
    Secrets,
    Listeners,
    Routes,
}

impl KeptResource {
    pub(crate) fn layer(&self) -> Layer<'_> {
        self.node_cluster.as_deref().map_or(Layer::Written, Layer::WrittenFor)
    }

    /// All that were written.
    pub(crate) fn all(world: &World) -> Vec<Self> {
        world
            .written()
            .map(|(kind, node_cluster, name, resource)| Self {
                kind,
                name: name.to_owned(),
                node_cluster: node_cluster.map(str::to_owned),
                resource: Arc::clone(resource),
            })
            .collect()
    }

    /// Reads one from the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(written: WrittenResource) -> Result<Self, String> {
        let kind = match written.kind {
            Plural::Clusters => Kind::Clusters,
            Plural::Endpoints => Kind::Endpoints,
            Plural::Secrets => Kind::Secrets,
            Plural::Listeners => Kind::Listeners,
            Plural::Routes => Kind::Routes,
        };
        let resource = Resource::from_fields(kind, &written.name, written.resource);
        let resource = resource.map_err(|error| error.to_string())?;
        Ok(Self {
            kind,
            name: written.name,
            node_cluster: written.node_cluster,
            resource: Arc::new(resource),
        })
    }

    pub(crate) fn write(&self) -> serde_json::Result<WrittenResource> {
        let mut resource: Map<String, Value> = serde_json::from_str(self.resource.json()?.get())?;
        // It is said beside it already.
        resource.shift_remove("@type");
        Ok(WrittenResource {
            kind: match self.kind {
                Kind::Clusters => Plural::Clusters,
                Kind::Endpoints => Plural::Endpoints,
                Kind::Secrets => Plural::Secrets,
                Kind::Listeners => Plural::Listeners,
                Kind::Routes => Plural::Routes,
            },
            name: self.name.clone(),
            node_cluster: self.node_cluster.clone(),
            resource: Strict(resource),
        })
    }
}

/// Equal content has an equal version.
impl PartialEq for KeptResource {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.node_cluster, self.resource.version)
            == (other.kind, &other.name, &other.node_cluster, other.resource.version)
    }
}
