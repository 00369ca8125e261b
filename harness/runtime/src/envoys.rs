//! Which Envoys meshes run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use meshkat_model::mesh::MeshSpec;

use crate::RuntimeError;

/// The Envoys of a run. They are all there before anything starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envoys<E> {
    /// What a mesh runs that names none; none where every mesh names one.
    pub default: Option<E>,
    /// By the names that meshes have for them: [`MeshSpec::envoy`].
    pub named: BTreeMap<String, E>,
}

/// An Envoy of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LocalEnvoy {
    /// The binary.
    pub path: PathBuf,
    /// Its version, such as `1.40.0`.
    pub version: String,
    /// Whether that very file was asked for, so that no registry is asked for an image of its version.
    pub by_path: bool,
}

impl<E> Envoys<E> {
    /// None at all, for who only asks what a runtime can do.
    pub fn none() -> Self {
        Self {
            default: None,
            named: BTreeMap::new(),
        }
    }

    /// One for every mesh that names none.
    pub fn one(envoy: E) -> Self {
        Self {
            default: Some(envoy),
            named: BTreeMap::new(),
        }
    }

    /// The one that a mesh runs.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchEnvoy`]: nobody has provided it.
    pub fn of(&self, mesh: &MeshSpec) -> Result<&E, RuntimeError> {
        let found = match &mesh.envoy {
            None => self.default.as_ref(),
            Some(name) => self.named.get(name),
        };
        found.ok_or_else(|| RuntimeError::NoSuchEnvoy {
            mesh: mesh.name.clone(),
            envoy: mesh.envoy.clone(),
        })
    }

    /// Each of them, changed.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn try_map<T>(self, mut change: impl FnMut(E) -> Result<T, RuntimeError>) -> Result<Envoys<T>, RuntimeError> {
        let default = self.default.map(&mut change).transpose()?;
        let named = self.named.into_iter().map(|(name, envoy)| Ok((name, change(envoy)?)));
        Ok(Envoys {
            default,
            named: named.collect::<Result<_, RuntimeError>>()?,
        })
    }
}

impl<E> Default for Envoys<E> {
    fn default() -> Self {
        Self::none()
    }
}
