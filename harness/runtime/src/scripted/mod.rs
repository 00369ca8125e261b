//! A backend in which nothing runs: it notes what it was asked, keeps the states that a real one would have, and fails
//! where a test says so. For tests of whatever holds a lease.

mod lease;
mod script;

pub use lease::{AUTHORIZATION, ScriptedLease};
pub use script::{Call, Script};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use meshkat_model::mesh::MeshSpec;

use crate::{Backend, Capabilities, Lease, RuntimeError};

/// The backend; its script is shared with every lease that it gives.
///
/// ```
/// use meshkat_runtime::scripted::{Call, Script, ScriptedBackend};
/// use meshkat_runtime::{Backend, Target};
///
/// # use meshkat_model::mesh::{GroupSpec, MeshSpec, Service};
/// # let group = GroupSpec { service: Some(Service::Echo), envoy: None, overlays: vec![], replicas: None, started: true, registered: true };
/// # let mesh = MeshSpec { name: "one".into(), groups: [("echo".to_owned(), group)].into(), envoy: None, alone: None };
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
    pub fn scripted_lease(&self, mesh: &MeshSpec) -> Result<Arc<ScriptedLease>, RuntimeError> {
        self.script.note(Call::Lease(mesh.name.clone()))?;
        let id = format!("scripted-{}", self.leases.fetch_add(1, Ordering::Relaxed));
        ScriptedLease::start(id, mesh.clone(), self.script.clone()).map(Arc::new)
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
        Ok(self.scripted_lease(mesh)?)
    }
}
