//! The backend of plain processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use meshkat_model::mesh::MeshSpec;
use tokio::sync::OnceCell;

use super::folder::{failed, runs};
use super::identity::ProcessIdentity;
use super::lease::ProcessLease;
use super::options::ProcessOptions;
use super::reaper::Reaper;
use super::spawner::Spawner;
use crate::{Backend, Capabilities, Capability, Lease, RuntimeError};

/// Runs meshes as plain processes of this machine.
#[derive(Debug)]
pub struct ProcessBackend {
    core: Arc<Core>,
    leases: AtomicU64,
}

/// What a backend's leases need for as long as they live, even when the backend is dropped before them.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: ProcessOptions,
    pub(super) spawner: Spawner,
    pub(super) owner: ProcessIdentity,
    /// What the names of this backend's leases begin with; no other backend's do, in this process or another.
    prefix: String,
    reaper: OnceCell<Option<Reaper>>,
}

impl ProcessBackend {
    /// A backend. Starts nothing yet but a thread.
    ///
    /// # Errors
    /// When the paths cannot be made absolute, or the thread cannot be had.
    pub fn new(mut options: ProcessOptions) -> Result<Self, RuntimeError> {
        static BACKENDS: AtomicU64 = AtomicU64::new(0);
        for path in [&mut options.envoy, &mut options.services_dir, &mut options.state_dir] {
            *path = absolute(path)?;
        }
        let owner = ProcessIdentity::own().ok_or_else(|| RuntimeError::Other {
            message: "failed to read when this process started".to_owned(),
            help: Some("/proc must be mounted (elsewhere than on Linux, `ps` must be there)".to_owned()),
        })?;
        let start: String = owner.started.chars().filter(char::is_ascii_alphanumeric).collect();
        let number = BACKENDS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}-{start}-{number}-", owner.pid);
        let core = Core {
            options,
            spawner: Spawner::start()?,
            owner,
            prefix,
            reaper: OnceCell::new(),
        };
        Ok(Self {
            core: Arc::new(core),
            leases: AtomicU64::new(0),
        })
    }
}

impl Core {
    /// Sees to it that the reaper runs, before there is anything to reap.
    async fn reaper(&self) -> Result<(), RuntimeError> {
        let start = async || match &self.options.reaper {
            Some(command) => Ok(Some(
                Reaper::start(command, &runs(&self.options.state_dir).join(&self.prefix)).await?,
            )),
            None => Ok(None),
        };
        self.reaper.get_or_try_init(start).await.map(drop)
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
        self.core.reaper().await?;
        let id = format!("{}{}", self.core.prefix, self.leases.fetch_add(1, Ordering::Relaxed));
        let lease = ProcessLease::start(Arc::clone(&self.core), id, mesh.clone()).await?;
        Ok(Arc::new(lease))
    }
}

fn absolute(path: &std::path::Path) -> Result<PathBuf, RuntimeError> {
    std::path::absolute(path).map_err(failed("make absolute", path))
}
