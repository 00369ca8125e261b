//! The folder of a run that has no mesh: while it is there, the reaper knows that there may be something to remove.

use std::sync::Arc;

use crate::RuntimeError;
use crate::run::LeaseId;
use crate::run::folder::{RunFolder, failed};
use crate::run::ledger::{LedgerFile, RuntimeName};
use crate::run::owner::Owner;

/// Held while something is made in Docker that belongs to no mesh.
pub(super) struct Mark {
    /// The run's name, for the labels of what is made.
    pub(super) run: LeaseId,
    folder: Arc<RunFolder>,
}

impl Mark {
    /// Makes the folder; `what` is told in the place of a mesh's name.
    pub(super) async fn begin(owner: &Owner, what: &str) -> Result<Self, RuntimeError> {
        let run = owner.next_lease().await?;
        let folder = Arc::new(RunFolder::create(&owner.state_dir, &run)?);
        let path = folder.ledger();
        LedgerFile::create(
            path.clone(),
            RuntimeName::Docker,
            &run,
            what,
            owner.identity.clone(),
            String::new(),
        )
        .map_err(failed("write", &path))?;
        Ok(Self { run, folder })
    }

    /// All that was made is gone, or is to stay.
    pub(super) async fn end(self) -> Result<(), RuntimeError> {
        self.folder.put_away(None).await.map(drop)
    }
}
