//! The Envoy configurations of a mesh.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use meshkat_envoy::config::{Bootstrap, Rebind};
use meshkat_model::mesh::{GroupSpec, MeshSpec};

use crate::RuntimeError;
use crate::run::folder::{RunFolder, failed};

/// The Envoy configurations of a mesh with their overlays, each read once.
#[derive(Debug)]
pub(crate) struct Bootstraps(HashMap<(PathBuf, Vec<PathBuf>), Bootstrap>);

impl Bootstraps {
    pub(crate) fn read(mesh: &MeshSpec) -> Result<Self, RuntimeError> {
        let mut read = HashMap::new();
        for group in mesh.groups.values() {
            let Some(path) = &group.envoy else { continue };
            let key = (path.clone(), group.overlays.clone());
            if let Entry::Vacant(entry) = read.entry(key) {
                entry.insert(Bootstrap::read_with(path, &group.overlays)?);
            }
        }
        Ok(Self(read))
    }

    /// The services whose endpoints the Envoys ask for.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut services: Vec<String> = self
            .0
            .values()
            .flat_map(Bootstrap::eds_clusters)
            .map(|eds| eds.service)
            .collect();
        services.sort();
        services.dedup();
        services
    }

    /// Writes the configuration of a pod of a group into the folder of its run, bound to the pod; gives the file. None for
    /// a group without an Envoy.
    pub(crate) fn write(
        &self,
        group: &GroupSpec,
        rebind: &Rebind,
        folder: &RunFolder,
    ) -> Result<Option<PathBuf>, RuntimeError> {
        let path = folder.configuration(&rebind.node_id);
        Ok(self.write_to(group, rebind, &path)?.then_some(path))
    }

    /// Writes the configuration of a pod of a group into a file, bound to the pod; whether the group has an Envoy.
    pub(crate) fn write_to(&self, group: &GroupSpec, rebind: &Rebind, path: &Path) -> Result<bool, RuntimeError> {
        let Some(source) = &group.envoy else { return Ok(false) };
        let Some(bootstrap) = self.0.get(&(source.clone(), group.overlays.clone())) else {
            return Ok(false);
        };
        let text = bootstrap.rebind(rebind)?.to_json()?;
        std::fs::write(path, text).map_err(failed("write", path))?;
        Ok(true)
    }
}
