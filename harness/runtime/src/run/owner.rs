//! The process that holds leases, as the folders of its runs know it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::OnceCell;

use super::id::{LeaseId, LeasePrefix};
use super::identity::{ProcessIdentity, Signalled};
use super::ledger::Ledger;
use super::proof::Proof;
use super::reaper::Reaper;
use crate::RuntimeError;

/// How long a mesh may take to end that its holder was told to end.
const END: Duration = Duration::from_secs(15);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Tells the process that holds a mesh to end it, and waits until that process and the mesh's folder are gone.
///
/// # Errors
/// Nothing proves that the ledger's owner is the one that holds the mesh; it cannot be told; or it takes longer than 15 s.
pub async fn end(run: &Ledger, folder: &Path) -> Result<(), RuntimeError> {
    let other = |message: String, help: Option<String>| Err(RuntimeError::other(message).with_help(help));
    match run.owner.signal(Signal::TERM, Proof::Owner(folder)) {
        Ok(Signalled::Sent | Signalled::Gone) => {}
        Ok(Signalled::NotOurs) => {
            let pid = run.owner.pid;
            return other(
                format!(
                    "{} is left alone: its ledger names process {pid}, but nothing proves that this is its owner",
                    run.id
                ),
                Some(format!("look at {} and at process {pid}", folder.display())),
            );
        }
        Err(error) => return other(format!("failed to end {}: {error}", run.id), None),
    }
    let deadline = Instant::now() + END;
    while run.owner.is_alive() || folder.exists() {
        if Instant::now() > deadline {
            return other(
                format!("{} did not end within {END:?}", run.id),
                Some("`meshkat clean --force` ends it".to_owned()),
            );
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// What names the leases of one backend, and what cleans up after them should this process be killed.
#[derive(Debug)]
pub struct Owner {
    /// This process.
    pub(crate) identity: ProcessIdentity,
    /// Where runs keep their folders; absolute.
    pub(crate) state_dir: PathBuf,
    /// What the names of this backend's leases begin with; no other backend's do, in this process or another.
    prefix: LeasePrefix,
    leases: AtomicU64,
    command: Option<Vec<OsString>>,
    reached_by: &'static [&'static str],
    reaper: OnceCell<Option<Reaper>>,
}

impl Owner {
    /// Starts nothing yet. `reaper` is the command line of the reaper; none is no reaper. `reached_by` are the variables that tell
    /// a reaper where the runtime is.
    ///
    /// # Errors
    /// When this process's start cannot be read.
    pub fn new(
        state_dir: PathBuf,
        reaper: Option<Vec<OsString>>,
        reached_by: &'static [&'static str],
    ) -> Result<Self, RuntimeError> {
        static BACKENDS: AtomicU64 = AtomicU64::new(0);
        let identity = ProcessIdentity::own().ok_or_else(|| {
            RuntimeError::other("failed to read when this process started".to_owned())
                .with_help("/proc must be mounted (elsewhere than on Linux, `ps` must be there)".to_owned())
        })?;
        let prefix = LeasePrefix::new(
            identity.pid,
            &identity.started,
            BACKENDS.fetch_add(1, Ordering::Relaxed),
        );
        Ok(Self {
            identity,
            state_dir,
            prefix,
            leases: AtomicU64::new(0),
            command: reaper,
            reached_by,
            reaper: OnceCell::new(),
        })
    }

    /// The name of one more lease. The reaper runs from then on, before there is anything to reap.
    pub(crate) async fn next_lease(&self) -> Result<LeaseId, RuntimeError> {
        let start = async || match &self.command {
            Some(command) => Ok(Some(
                Reaper::start(command, self.reached_by, &self.state_dir, &self.prefix).await?,
            )),
            None => Ok::<_, RuntimeError>(None),
        };
        self.reaper.get_or_try_init(start).await?;
        Ok(self.prefix.lease(self.leases.fetch_add(1, Ordering::Relaxed)))
    }
}
