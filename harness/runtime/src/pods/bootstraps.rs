//! The Envoy configurations of a mesh.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;

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

    /// Writes the configuration of a pod of a group into the folder of its run, bound to the pod; gives the file. None for
    /// a group without an Envoy.
    pub(crate) fn write(
        &self,
        group: &GroupSpec,
        rebind: &Rebind,
        folder: &RunFolder,
    ) -> Result<Option<PathBuf>, RuntimeError> {
        let Some(source) = &group.envoy else { return Ok(None) };
        let Some(bootstrap) = self.0.get(&(source.clone(), group.overlays.clone())) else {
            return Ok(None);
        };
        let text = bootstrap.rebind(rebind)?.to_json()?;
        let path = folder.configuration(&rebind.node_id);
        std::fs::write(&path, text).map_err(failed("write", &path))?;
        Ok(Some(path))
    }
}
