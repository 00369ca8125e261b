//! The backend of plain processes.

use std::sync::Arc;

use async_trait::async_trait;
use meshkat_model::mesh::MeshSpec;

use super::lease::ProcessLease;
use super::options::ProcessOptions;
use super::spawner::Spawner;
use crate::run::folder::absolute;
use crate::run::owner::Owner;
use crate::{Backend, Capabilities, Capability, Lease, RuntimeError};

/// Runs meshes as plain processes of this machine.
#[derive(Debug)]
pub struct ProcessBackend {
    core: Arc<Core>,
}

/// What a backend's leases need for as long as they live, even when the backend is dropped before them.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: ProcessOptions,
    pub(super) spawner: Spawner,
    pub(super) owner: Owner,
}

impl ProcessBackend {
    /// A backend. Starts nothing yet but a thread.
    ///
    /// # Errors
    /// When the paths cannot be made absolute, or the thread cannot be had.
    pub fn new(mut options: ProcessOptions) -> Result<Self, RuntimeError> {
        for path in [&mut options.services_dir, &mut options.state_dir] {
            *path = absolute(path)?;
        }
        options.envoys = options.envoys.try_map(|path| absolute(&path))?;
        let owner = Owner::new(options.state_dir.clone(), options.reaper.clone())?;
        let core = Core {
            options,
            spawner: Spawner::start()?,
            owner,
        };
        Ok(Self { core: Arc::new(core) })
    }
}

/// What the backend can do: the same on every machine, so that a plan can be made before anything is looked for.
pub fn capabilities() -> Capabilities {
    let shared = "its pods share the machine's loopback interface, where only root can drop packets";
    Capabilities::all()
        .without(Capability::CutNetwork, shared)
        .without(Capability::ShapeNetwork, shared)
}

#[async_trait]
impl Backend for ProcessBackend {
    fn name(&self) -> &'static str {
        "process"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn lease(&self, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError> {
        let id = self.core.owner.next_lease().await?;
        let lease = ProcessLease::start(Arc::clone(&self.core), id, mesh.clone()).await?;
        Ok(Arc::new(lease))
    }
}
