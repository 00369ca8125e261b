//! The seam between the engine and what runs meshes.

use std::sync::Arc;

use async_trait::async_trait;
use meshkat_model::mesh::MeshSpec;

use crate::run::Ledger;
use crate::{Capabilities, Lease, RuntimeError};

/// Something that can run a mesh.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The name by which people choose it: `process`, `docker`, `kubernetes`.
    fn name(&self) -> &'static str;

    /// What it can do, so that a case that needs more is skipped when the plan is made.
    fn capabilities(&self) -> Capabilities;

    /// Starts a mesh. When this returns, every pod of a group that is `started` was spawned; whether they are ready is
    /// for the caller to find out.
    ///
    /// # Errors
    /// When the environment does not let the mesh run. Whatever was started by then is gone again.
    async fn lease(&self, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError>;

    /// A lease on a mesh that another process holds, as its ledger tells. All can be done to it but what changes who is in it.
    /// [`Lease::start`] asks that process to do it, and its new life is not seen by this lease; [`Lease::release`] tells it to end
    /// the mesh. Dropping the lease does nothing to the mesh.
    ///
    /// # Errors
    /// What the ledger lists is not proven to be the mesh's own: then it is left alone.
    async fn attach(&self, run: &Ledger) -> Result<Arc<dyn Lease>, RuntimeError>;
}
