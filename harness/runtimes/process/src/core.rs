//! What a backend and its leases share.

use meshkat_runtime::run::Owner;

use crate::options::ProcessOptions;
use crate::spawner::Spawner;

/// What a backend's leases need for as long as they live, even when the backend is dropped before them.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: ProcessOptions,
    pub(crate) spawner: Spawner,
    pub(crate) owner: Owner,
}
