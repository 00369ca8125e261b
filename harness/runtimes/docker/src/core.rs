//! What a backend and its leases share.

use bollard::Docker;
use meshkat_runtime::run::Owner;
use meshkat_runtime::{Capabilities, Capability, NetworkFault, RuntimeError};
use tokio::sync::OnceCell;

use crate::capability::{Probed, always};
use crate::options::DockerOptions;

/// What a backend's leases need for as long as they live, even when the backend is dropped before them.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: DockerOptions,
    pub(crate) docker: Docker,
    pub(crate) owner: Owner,
    /// What the daemon's kernel can do, once it was asked.
    pub(crate) probed: OnceCell<Probed>,
}

impl Core {
    /// Fails for what the kernel is known not to be able to.
    pub(crate) fn check(&self, fault: NetworkFault) -> Result<(), RuntimeError> {
        let capability = fault.needs();
        match self.capabilities().reason(capability) {
            Some(reason) if self.probed.initialized() => Err(RuntimeError::Unsupported {
                capability,
                reason: reason.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        match self.probed.get() {
            Some(probed) => probed.capabilities(),
            None => {
                let unknown = "nobody has asked the daemon's kernel yet";
                always()
                    .without(Capability::CutNetwork, unknown)
                    .without(Capability::ShapeNetwork, unknown)
            }
        }
    }
}
