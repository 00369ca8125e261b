//! The process that holds leases, as the folders of its runs know it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::OnceCell;

use super::id::{LeaseId, LeasePrefix};
use super::identity::ProcessIdentity;
use super::reaper::Reaper;
use crate::RuntimeError;

/// What names the leases of one backend, and what cleans up after them should this process be killed.
#[derive(Debug)]
pub(crate) struct Owner {
    /// This process.
    pub(crate) identity: ProcessIdentity,
    /// Where runs keep their folders; absolute.
    pub(crate) state_dir: PathBuf,
    /// What the names of this backend's leases begin with; no other backend's do, in this process or another.
    prefix: LeasePrefix,
    leases: AtomicU64,
    command: Option<Vec<OsString>>,
    reaper: OnceCell<Option<Reaper>>,
}

impl Owner {
    /// Starts nothing yet. `reaper` is the command line of the reaper; none is no reaper.
    ///
    /// # Errors
    /// When this process's start cannot be read.
    pub(crate) fn new(state_dir: PathBuf, reaper: Option<Vec<OsString>>) -> Result<Self, RuntimeError> {
        static BACKENDS: AtomicU64 = AtomicU64::new(0);
        let identity = ProcessIdentity::own().ok_or_else(|| RuntimeError::Other {
            message: "failed to read when this process started".to_owned(),
            help: Some("/proc must be mounted (elsewhere than on Linux, `ps` must be there)".to_owned()),
        })?;
        let prefix = LeasePrefix::new(&identity, BACKENDS.fetch_add(1, Ordering::Relaxed));
        Ok(Self {
            identity,
            state_dir,
            prefix,
            leases: AtomicU64::new(0),
            command: reaper,
            reaper: OnceCell::new(),
        })
    }

    /// The name of one more lease. The reaper runs from then on, before there is anything to reap.
    pub(crate) async fn next_lease(&self) -> Result<LeaseId, RuntimeError> {
        let start = async || match &self.command {
            Some(command) => Ok(Some(Reaper::start(command, &self.state_dir, &self.prefix).await?)),
            None => Ok::<_, RuntimeError>(None),
        };
        self.reaper.get_or_try_init(start).await?;
        Ok(self.prefix.lease(self.leases.fetch_add(1, Ordering::Relaxed)))
    }
}
