//! The backend of plain processes.

use std::sync::Arc;

use async_trait::async_trait;
use meshkat_model::mesh::MeshSpec;
use meshkat_runtime::pods::{Bootstraps, NewMesh, PodLease};
use meshkat_runtime::run::{Begun, Ledger, Owner, RuntimeName, Token, absolute, kept_folder, run_folder};
use meshkat_runtime::{Backend, Capabilities, Capability, Lease, RuntimeError};

use crate::core::Core;
use crate::driver::{ProcessDriver, SHARED};
use crate::options::ProcessOptions;
use crate::prepare;
use crate::spawner::Spawner;

/// Runs meshes as plain processes of this machine.
#[derive(Debug)]
pub struct ProcessBackend {
    core: Arc<Core>,
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
        let owner = Owner::new(options.state_dir.clone(), options.reaper.clone(), &[])?;
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
    Capabilities::all()
        .without(Capability::CutNetwork, SHARED)
        .without(Capability::ShapeNetwork, SHARED)
        .without(
            Capability::Images,
            "its pods are plain processes; a group with a `command`, too, runs here as well",
        )
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
        let options = &self.core.options;
        prepare::check_programs(options, mesh)?;
        let bootstraps = Bootstraps::read(mesh, true)?;
        let begun = Begun::begin(&self.core.owner, RuntimeName::Process, &mesh.name).await?;
        let token = Token::new()?;
        let (driver, block) = ProcessDriver::new(Arc::clone(&self.core), &begun, &token, mesh, &bootstraps)?;
        let new = NewMesh {
            mesh: mesh.clone(),
            bootstraps,
            token,
            block,
            keep: options.keep.then(|| kept_folder(&options.state_dir, &begun.id)),
            grace: options.grace,
        };
        Ok(PodLease::start(begun, driver, new).await?)
    }

    async fn attach(&self, run: &Ledger) -> Result<Arc<dyn Lease>, RuntimeError> {
        let options = &self.core.options;
        let folder = run_folder(&options.state_dir, &run.id);
        let driver = ProcessDriver::guest(Arc::clone(&self.core), run, folder.clone());
        Ok(Arc::new(PodLease::attach(driver, run, folder, options.grace).await?))
    }
}
