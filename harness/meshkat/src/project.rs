//! The files that meshes are made of.

use std::path::Path;

use meshkat_model::project;

use crate::{builder::MeshBuilder, error::Error};

/// A project: a folder with `scenarios/` and `envoy-configs/`.
#[derive(Debug, Clone)]
pub struct Project {
    pub(crate) files: project::Project,
}

impl Project {
    /// The project that the current folder is in. Cargo runs tests in the folder of their package.
    ///
    /// # Errors
    /// There is none.
    pub fn find() -> Result<Self, Error> {
        let here = std::env::current_dir()
            .map_err(|error| Error::Environment(format!("failed to find the current folder: {error}")))?;
        Self::at(here)
    }

    /// The project that this folder is in.
    ///
    /// # Errors
    /// There is none.
    pub fn at(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        match project::Project::find(folder) {
            Some(files) => Ok(Self { files }),
            None => Err(Error::Invalid(Error::with_help(
                &format!("{} is not in a meshkat project", folder.display()),
                ["name a folder that has `scenarios/` and `envoy-configs/`, or one below it".to_owned()],
            ))),
        }
    }

    /// A mesh of this name, `scenarios/meshes/NAME.yaml`, to be brought up.
    pub fn mesh(&self, name: impl Into<String>) -> MeshBuilder {
        MeshBuilder::new(self.clone(), name.into())
    }
}
