//! The places of a state folder, and the folder of one run.
//!
//! ```text
//! <state folder>/
//!   lock                 held for a moment by who makes or takes away a run's folder
//!   runs/<lease id>/     one mesh
//!     lock               held (flock) as long as the run lives
//!     ledger.json        what it started
//!     envoy/<pod>.json   configurations with the pods' addresses
//!     logs/<pod>.<container>.log
//!     sds/<pod>.json     what a discovery service keeps
//!   kept/<lease id>/     folders of ended runs that were asked to be kept
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshkat_model::mesh::Container;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::log;
use crate::{Released, RuntimeError};

/// Where the runs of a state folder are.
pub(crate) fn runs(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// Where the folder of one lease is, while it runs.
pub fn run_folder(state_dir: &Path, lease: &str) -> PathBuf {
    runs(state_dir).join(lease)
}

/// The configuration that the Envoy of a pod was started with, in the folder of a run.
pub fn configuration_file(run: &Path, pod: &str) -> PathBuf {
    run.join("envoy").join(format!("{pod}.json"))
}

/// The last whole lines that a container has written, at most `bytes` long, in the folder of a run.
///
/// # Errors
/// The log cannot be read; that there is none is no error.
pub fn log_tail(run: &Path, pod: &str, container: Container, bytes: usize) -> io::Result<String> {
    log::tail(&log_file(run, pod, container), bytes)
}

fn log_file(run: &Path, pod: &str, container: Container) -> PathBuf {
    run.join("logs").join(format!("{pod}.{container}.log"))
}

/// Where the folder of one lease is, after it was released and kept.
pub fn kept_folder(state_dir: &Path, lease: &str) -> PathBuf {
    state_dir.join("kept").join(lease)
}

/// The folder of a run that lives; whoever else asks can see by its lock that it does.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// Held for as long as the run lives. Nobody else can have it: the folder is new.
    _lock: Option<File>,
}

impl RunFolder {
    /// Makes the folder of a new run and holds its lock.
    pub(crate) fn create(state_dir: &Path, id: &str) -> Result<Self, RuntimeError> {
        let path = run_folder(state_dir, id);
        // Nobody may see the folder before it is locked: they would take it for a dead one.
        let _turn = turn(state_dir)?;
        std::fs::create_dir(&path).map_err(failed("make the folder", &path))?;
        // From here on it is removed when something fails.
        let mut folder = Self { path, _lock: None };
        let lock = folder.path.join("lock");
        folder._lock = try_lock(&lock).map_err(failed("lock", &lock))?;
        for part in ["envoy", "logs", "sds"] {
            let part = folder.path.join(part);
            std::fs::create_dir(&part).map_err(failed("make the folder", &part))?;
        }
        Ok(folder)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        ledger(&self.path)
    }

    pub(crate) fn configuration(&self, pod: &str) -> PathBuf {
        configuration_file(&self.path, pod)
    }

    pub(crate) fn log(&self, pod: &str, container: Container) -> PathBuf {
        log_file(&self.path, pod, container)
    }

    pub(crate) fn sds_state(&self, pod: &str) -> PathBuf {
        self.path.join("sds").join(format!("{pod}.json"))
    }

    /// Puts the folder's files into another folder and takes this one away.
    pub(crate) fn move_to(&self, target: &Path) -> Result<(), RuntimeError> {
        copy_folder(&self.path, target)?;
        self.remove()
    }

    /// Moves the folder away, or removes it.
    pub(crate) async fn put_away(self: &Arc<Self>, keep: Option<PathBuf>) -> Result<Released, RuntimeError> {
        let folder = Arc::clone(self);
        let away = tokio::task::spawn_blocking(move || {
            match &keep {
                Some(target) => folder.move_to(target)?,
                None => folder.remove()?,
            }
            Ok(Released { kept: keep })
        });
        away.await.map_err(|error| RuntimeError::Other {
            message: format!("failed to put the folder of the mesh away: {error}"),
            help: None,
        })?
    }

    /// Takes the folder away.
    pub(crate) fn remove(&self) -> Result<(), RuntimeError> {
        remove_folder(&self.path).map_err(failed("remove", &self.path))
    }
}

/// However it came to that: with the run goes its folder.
impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(%error, "failed to remove what a mesh left");
        }
    }
}

/// The ledger of a run's folder.
pub(crate) fn ledger(run: &Path) -> PathBuf {
    run.join("ledger.json")
}

/// Waits for one's turn to make or judge folders of runs; it ends when the file is dropped.
pub(crate) fn turn(state_dir: &Path) -> Result<File, RuntimeError> {
    let runs = runs(state_dir);
    std::fs::create_dir_all(&runs).map_err(failed("make the folder", &runs))?;
    let path = state_dir.join("lock");
    let file = open_lock(&path).map_err(failed("open", &path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|source| failed("lock", &path)(source.into()))?;
    Ok(file)
}

/// Takes a lock; none when somebody else has it.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = open_lock(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

/// Removes a folder; that it is gone already is well, and that somebody else removes it meanwhile too.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    const ATTEMPTS: u32 = 10;
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        result = std::fs::remove_dir_all(path);
        match &result {
            // Another remover was quicker with a part, or with all of it.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                if !path.exists() {
                    return Ok(());
                }
            }
            _ => return result,
        }
    }
    result
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), RuntimeError> {
    std::fs::create_dir_all(to).map_err(failed("make the folder", to))?;
    for entry in std::fs::read_dir(from).map_err(failed("read the folder", from))? {
        let entry = entry.map_err(failed("read the folder", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed("read", &source))?;
        if kind.is_dir() {
            copy_folder(&source, &target)?;
        } else if kind.is_file() && entry.file_name() != "lock" {
            std::fs::copy(&source, &target).map_err(failed("copy to", &target))?;
        }
    }
    Ok(())
}

pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RuntimeError + use<> {
    let path = path.to_owned();
    move |source| RuntimeError::Folder { action, path, source }
}

/// A path that means the same from every folder.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, RuntimeError> {
    std::path::absolute(path).map_err(failed("make absolute", path))
}
