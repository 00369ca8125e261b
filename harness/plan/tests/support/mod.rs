//! Meshes for scenarios of which nothing runs.

use std::{collections::BTreeMap, path::Path};

use indexmap::IndexMap;
use meshkat_model::{
    mesh::{GroupSpec, MeshSpec, Service},
    scenario::Meshes,
};

/// The meshes `one` and `two`, which are alike but for their names: three pets behind an edge.
pub(crate) struct Both(BTreeMap<String, MeshSpec>);

impl Both {
    /// The two.
    pub(crate) fn new() -> Self {
        let pet = GroupSpec {
            application: Some(Service::Pet.into()),
            envoy: Some("pet.yaml".into()),
            overlays: Vec::new(),
            replicas: Some(3),
            started: true,
            registered: true,
        };
        let ingress = GroupSpec {
            application: None,
            replicas: None,
            registered: false,
            ..pet.clone()
        };
        let groups = IndexMap::from([("ingress".to_owned(), ingress), ("pet".to_owned(), pet)]);
        let mesh = |name: &str| MeshSpec {
            name: name.to_owned(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
            groups: groups.clone(),
        };
        Self(["one", "two"].map(|name| (name.to_owned(), mesh(name))).into())
    }
}

impl Meshes for Both {
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>> {
        self.0.get(name).ok_or_else(|| self.0.keys().cloned().collect())
    }

    fn overlay(&self, _: &str) -> Result<&Path, Vec<String>> {
        Err(Vec::new())
    }
}
