//! The Envoy configurations of a mesh.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
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
    /// a group without an Envoy. Only this user can read it, unless the pod's Envoy is of another one (`shared`): that of a
    /// container, which is handed the file and not the folders above it.
    pub(crate) fn write(
        &self,
        group: &GroupSpec,
        rebind: &Rebind,
        folder: &RunFolder,
        shared: bool,
    ) -> Result<Option<PathBuf>, RuntimeError> {
        let Some(text) = self.text(group, rebind)? else {
            return Ok(None);
        };
        let path = folder.configuration(&rebind.node_id);
        let written = meshkat_files::write_private(&path, text).and_then(|()| {
            if shared {
                std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
            }
            Ok(())
        });
        written.map_err(failed("write", &path))?;
        Ok(Some(path))
    }

    /// The configuration of a pod of a group, bound to the pod; none for a group without an Envoy.
    pub(crate) fn text(&self, group: &GroupSpec, rebind: &Rebind) -> Result<Option<String>, RuntimeError> {
        let Some(source) = &group.envoy else { return Ok(None) };
        let Some(bootstrap) = self.0.get(&(source.clone(), group.overlays.clone())) else {
            return Ok(None);
        };
        Ok(Some(bootstrap.rebind(rebind)?.to_json()?))
    }
}
