//! The folder of a run: while it is there, the reaper and the sweep know that there may be something to remove.

use std::sync::Arc;

use super::folder::RunFolder;
use super::id::LeaseId;
use super::ledger::{LedgerFile, RuntimeName};
use super::owner::Owner;
use crate::RuntimeError;
use crate::error::failed;

/// A run with its folder and its ledger, before anything of it was made. Dropping it removes the folder.
#[derive(Debug)]
pub struct Begun {
    /// Its name.
    pub id: LeaseId,
    /// Its folder.
    pub folder: Arc<RunFolder>,
    /// Its ledger.
    pub ledger: Arc<LedgerFile>,
}

impl Begun {
    /// Makes the folder; `what` is the name of the mesh, or tells in its place what is made.
    ///
    /// # Errors
    /// The folder or the ledger cannot be written, or the reaper does not start.
    pub async fn begin(owner: &Owner, runtime: RuntimeName, what: &str) -> Result<Self, RuntimeError> {
        let id = owner.next_lease().await?;
        let folder = RunFolder::create(&owner.state_dir, &id)?;
        let path = folder.ledger();
        let identity = owner.identity.clone();
        let ledger = LedgerFile::create(path.clone(), runtime, &id, what, identity).map_err(failed("write", &path))?;
        Ok(Self {
            id,
            folder: Arc::new(folder),
            ledger: Arc::new(ledger),
        })
    }

    /// All that was made is gone, or is to stay.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub async fn end(self) -> Result<(), RuntimeError> {
        self.folder.put_away(None).await.map(drop)
    }
}
