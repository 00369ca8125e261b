//! A backend in which nothing runs: it notes what it was asked, keeps the states that a real one would have, and fails
//! where a test says so. For tests of whatever holds a lease.

mod driver;
mod lease;
mod script;

pub use lease::{AUTHORIZATION, ScriptedLease};
pub use script::{Call, Script};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use meshkat_model::mesh::MeshSpec;

use crate::pods::bootstraps::Bootstraps;
use crate::pods::lease::{NewMesh, PodLease};
use crate::run::begun::Begun;
use crate::run::ledger::{Ledger, RuntimeName};
use crate::run::owner::Owner;
use crate::run::token::Token;
use crate::run::{LeaseId, run_folder};
use crate::{Backend, Capabilities, Lease, RuntimeError};
use driver::ScriptedDriver;

/// How long a container would have to end in its own time.
const GRACE: Duration = Duration::from_secs(1);

/// The backend; its script is shared with every lease that it gives.
///
/// ```
/// use meshkat_runtime::scripted::{Call, Script, ScriptedBackend};
/// use meshkat_runtime::{Backend, Target};
///
/// # use meshkat_model::mesh::{GroupSpec, MeshSpec, Service};
/// # let group = GroupSpec { application: Some(Service::Echo.into()), envoy: None, overlays: vec![], replicas: None, started: true, registered: true };
/// # let mesh = MeshSpec { name: "one".into(), groups: [("echo".to_owned(), group)].into(), envoy: None, certificates: None, alone: None, fixed: [].into() };
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let script = Script::default().address("echo", "127.0.0.1".parse().unwrap());
/// let backend = ScriptedBackend::new(script.clone());
/// let lease = backend.lease(&mesh).await.unwrap();
/// script.fail(Call::Kill(Target::pod("echo")), "no permission");
/// assert!(lease.kill(&Target::pod("echo")).await.is_err());
/// assert_eq!(script.calls(), [Call::Lease("one".into()), Call::Kill(Target::pod("echo"))]);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct ScriptedBackend {
    script: Script,
    capabilities: Capabilities,
    leases: Arc<AtomicU64>,
}

impl ScriptedBackend {
    /// A backend that can do everything.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            capabilities: Capabilities::all(),
            leases: Arc::default(),
        }
    }

    /// The same with these capabilities.
    #[must_use]
    pub fn with(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// As [`Backend::lease`], with what only a test may do to it.
    ///
    /// # Errors
    /// As the script says, or when it has no address for a pod.
    pub async fn scripted_lease(&self, mesh: &MeshSpec) -> Result<Arc<ScriptedLease>, RuntimeError> {
        self.script.note(Call::Lease(mesh.name.clone()))?;
        let id = format!("scripted-{}", self.leases.fetch_add(1, Ordering::Relaxed));
        let bootstraps = Bootstraps::read(mesh, true)?;
        let owner = Owner::new(self.script.state_dir()?, None, &[])?;
        let begun = Begun::begin(&owner, RuntimeName::Process, &mesh.name).await?;
        let driver = self.driver(&begun.id, begun.folder.path());
        let new = NewMesh {
            mesh: mesh.clone(),
            bootstraps,
            token: Token::new()?,
            block: String::new(),
            keep: None,
            grace: GRACE,
        };
        let pods = PodLease::start(begun, driver, new).await?;
        Ok(Arc::new(ScriptedLease {
            id,
            script: self.script.clone(),
            pods,
        }))
    }

    fn driver(&self, run: &LeaseId, folder: &Path) -> ScriptedDriver {
        ScriptedDriver {
            script: self.script.clone(),
            run: run.clone(),
            folder: folder.to_owned(),
        }
    }
}

#[async_trait]
impl Backend for ScriptedBackend {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn lease(&self, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError> {
        Ok(self.scripted_lease(mesh).await?)
    }

    async fn attach(&self, run: &Ledger) -> Result<Arc<dyn Lease>, RuntimeError> {
        let folder = run_folder(&self.script.state_dir()?, &run.id);
        let driver = self.driver(&run.id, &folder);
        Ok(Arc::new(PodLease::attach(driver, run, folder, GRACE).await?))
    }
}
