//! The backend of containers.

use std::sync::Arc;

use async_trait::async_trait;
use bollard::Docker;
use meshkat_model::mesh::MeshSpec;
use tokio::sync::OnceCell;

use super::able::{self, Able};
use super::daemon;
use super::image::Images;
use super::lease::DockerLease;
use super::options::DockerOptions;
use super::reach::Reach;
use crate::run::folder::absolute;
use crate::run::owner::Owner;
use crate::{Backend, Capabilities, Capability, Lease, NetworkFault, RuntimeError};

/// Runs meshes in Docker.
#[derive(Debug)]
pub struct DockerBackend {
    core: Arc<Core>,
}

/// What a backend's leases need for as long as they live, even when the backend is dropped before them.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: DockerOptions,
    pub(super) docker: Docker,
    pub(super) owner: Owner,
    images: OnceCell<Images>,
    able: OnceCell<Able>,
}

impl DockerBackend {
    /// Reaches the daemon, and starts nothing yet.
    ///
    /// # Errors
    /// Docker is not there, does not run, or may not be used.
    pub async fn connect(mut options: DockerOptions) -> Result<Self, RuntimeError> {
        for path in [&mut options.envoy, &mut options.services_dir, &mut options.state_dir] {
            *path = absolute(path)?;
        }
        let core = Core {
            docker: daemon::connect().await?,
            owner: Owner::new(options.state_dir.clone(), options.reaper.clone())?,
            options,
            images: OnceCell::new(),
            able: OnceCell::new(),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// Finds out what the daemon's kernel can do to a network: [`Backend::capabilities`] knows it from then on. Builds the
    /// images if nobody has asked before.
    ///
    /// # Errors
    /// The images cannot be built, or no container runs.
    pub async fn learn(&self) -> Result<(), RuntimeError> {
        self.core.able().await.map(drop)
    }

    /// The images that pods run; built where they are not there.
    ///
    /// # Errors
    /// They cannot be built.
    pub async fn images(&self) -> Result<Images, RuntimeError> {
        self.core.images().await.cloned()
    }
}

impl Core {
    pub(super) async fn images(&self) -> Result<&Images, RuntimeError> {
        self.images
            .get_or_try_init(|| Images::ensure(&self.docker, &self.options, &self.owner))
            .await
    }

    async fn able(&self) -> Result<&Able, RuntimeError> {
        self.able.get_or_try_init(|| able::find_out(self)).await
    }

    /// Fails for what the kernel is known not to be able to.
    pub(super) fn check(&self, fault: NetworkFault) -> Result<(), RuntimeError> {
        let capability = fault.needs();
        match self.capabilities().reason(capability) {
            Some(reason) if self.able.initialized() => Err(RuntimeError::Unsupported {
                backend: "docker",
                capability,
                reason: reason.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn capabilities(&self) -> Capabilities {
        match self.able.get() {
            Some(able) => able.capabilities(),
            None => {
                let unknown = "nobody has asked the daemon's kernel yet";
                Capabilities::all()
                    .without(Capability::CutNetwork, unknown)
                    .without(Capability::ShapeNetwork, unknown)
            }
        }
    }
}

#[async_trait]
impl Backend for DockerBackend {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn capabilities(&self) -> Capabilities {
        self.core.capabilities()
    }

    async fn lease(&self, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError> {
        let images = self.core.images().await?.clone();
        let run = self.core.owner.next_lease().await?;
        let reach = self.core.options.reach.unwrap_or_else(Reach::here);
        let lease = DockerLease::start(Arc::clone(&self.core), images, reach, run, mesh.clone()).await?;
        Ok(Arc::new(lease))
    }
}
