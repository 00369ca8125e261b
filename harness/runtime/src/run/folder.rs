//! The places of a state folder, and the folder of one run.
//!
//! ```text
//! <state folder>/
//!   lock                 held for a moment by who makes or takes away a run's folder
//!   runs/<lease id>/     one mesh
//!     authorization      the header of those who may change what the services do
//!     lock               held (flock) as long as the run lives
//!     ledger.json        what it started
//!     envoy/<pod>.json   configurations with the pods' addresses, and in envoy/<pod>.d/ the files that they name
//!     logs/<pod>.<container>.log, and what came before it was cut in .log.1
//!     sds/<pod>.json     what a discovery service keeps
//!     certificates/      those that were made for the run
//!     programs/<pod>/    the files of a program of a user's own, and who is in the mesh
//!   kept/<lease id>/     folders of ended runs that were asked to be kept
//! ```

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshkat_model::certificates::FOLDER;
use meshkat_model::mesh::Container;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::id::LeaseId;
use super::state::{new_folder, open_state_dir, runs};
use crate::error::failed;
use crate::{Released, RuntimeError};

/// Where the folder of one lease is, while it runs.
pub fn run_folder(state_dir: &Path, lease: &LeaseId) -> PathBuf {
    runs(state_dir).join(lease.as_str())
}

/// The configuration that the Envoy of a pod was started with, in the folder of a run.
pub fn configuration_file(run: &Path, pod: &str) -> PathBuf {
    run.join("envoy").join(format!("{pod}.json"))
}

/// Where what a container writes goes.
pub fn log_file(run: &Path, pod: &str, container: Container) -> PathBuf {
    run.join("logs").join(format!("{pod}.{container}.log"))
}

/// Where the files are that the configuration of a pod names.
pub fn resources(run: &Path, pod: &str) -> PathBuf {
    run.join("envoy").join(format!("{pod}.d"))
}

/// What a discovery service keeps.
pub fn sds_state(run: &Path, pod: &str) -> PathBuf {
    run.join("sds").join(format!("{pod}.json"))
}

/// Where the certificates are that were made for a run; none where it has none.
pub fn certificates(run: &Path) -> Option<PathBuf> {
    let folder = run.join(FOLDER);
    folder.is_dir().then_some(folder)
}

/// What a program of a user's own finds in a pod.
pub fn program_folder(run: &Path, pod: &str) -> PathBuf {
    run.join("programs").join(pod)
}

/// Where the folder of one lease is, after it was released and kept.
pub fn kept_folder(state_dir: &Path, lease: &LeaseId) -> PathBuf {
    state_dir.join("kept").join(lease.as_str())
}

/// The folders that a run's folder has from the start.
const PARTS: [&str; 4] = ["envoy", "logs", "sds", "programs"];

/// The folder of a run that lives; whoever else asks can see by its lock that it does.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held for as long as the run lives. Nobody else can have it: the folder is new.
    _lock: Option<File>,
}

impl RunFolder {
    /// Makes the folder of a new run and holds its lock.
    pub(crate) fn create(state_dir: &Path, id: &LeaseId) -> Result<Self, RuntimeError> {
        let path = run_folder(state_dir, id);
        // Nobody may see the folder before it is locked: they would take it for a dead one.
        let _turn = turn(state_dir)?;
        new_folder(&path).map_err(failed("make the folder", &path))?;
        // From here on it is removed when something fails.
        let mut folder = Self { path, _lock: None };
        let lock = folder.path.join("lock");
        folder._lock = try_lock(&lock).map_err(failed("lock", &lock))?;
        for part in PARTS {
            let part = folder.path.join(part);
            new_folder(&part).map_err(failed("make the folder", &part))?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        ledger(&self.path)
    }

    pub(crate) fn configuration(&self, pod: &str) -> PathBuf {
        configuration_file(&self.path, pod)
    }

    /// Where the files are that the configuration of a pod names.
    pub(crate) fn resources(&self, pod: &str) -> PathBuf {
        resources(&self.path, pod)
    }

    /// What a program of a user's own finds in a pod.
    pub(crate) fn program(&self, pod: &str) -> PathBuf {
        program_folder(&self.path, pod)
    }

    /// Removes a pod's configuration and the files that it names, and what its program finds.
    pub(crate) fn remove_configuration(&self, pod: &str) -> Result<(), RuntimeError> {
        for entry in [self.configuration(pod), self.resources(pod), self.program(pod)] {
            remove_entry(&entry).map_err(failed("remove", &entry))?;
        }
        Ok(())
    }

    /// Where all logs are.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Puts the folder's files into another folder and takes this one away.
    pub(crate) fn move_to(&self, target: &Path) -> Result<(), RuntimeError> {
        meshkat_files::private_folder(target).map_err(failed("make the folder", target))?;
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
        away.await
            .map_err(|error| RuntimeError::other(format!("failed to put the folder of the mesh away: {error}")))?
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
    let path = open_state_dir(state_dir)?.join("lock");
    let file = meshkat_files::open_lock(&path).map_err(failed("open", &path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|source| failed("lock", &path)(source.into()))?;
    Ok(file)
}

/// Takes a lock; none when somebody else has it. It is given back when the file is dropped.
///
/// # Errors
/// The file cannot be opened, or not be locked.
pub fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = meshkat_files::open_lock(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes the folder of a run, its ledger last: as long as anything else is in it, the ledger tells whose it is, should this
/// be cut short. That it is gone already is well, and that somebody else removes it meanwhile too.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    until_gone(path, || {
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            if name != "ledger.json" && name != "lock" {
                remove_entry(&path.join(name))?;
            }
        }
        remove_entry(&ledger(path))?;
        remove_entry(&path.join("lock"))?;
        fs::remove_dir(path)
    })
}

/// Whether nothing is in a folder but what a run makes before it writes its ledger: empty folders, an empty lock, and the
/// unfinished ledger itself.
pub(crate) fn is_half_made(path: &Path) -> io::Result<bool> {
    Ok(parts_of_half_made(path)?.is_some())
}

/// Removes such a folder, and of another one nothing that anybody could miss: folders only if they are empty.
pub(crate) fn remove_half_made(path: &Path) -> io::Result<()> {
    until_gone(path, || {
        let parts = parts_of_half_made(path)?;
        let parts = parts.ok_or_else(|| io::Error::other("something else has come into it"))?;
        for (part, metadata) in parts {
            if metadata.is_dir() {
                fs::remove_dir(part)?;
            } else {
                fs::remove_file(part)?;
            }
        }
        fs::remove_dir(path)
    })
}

/// What is in a folder, if it is nothing else.
fn parts_of_half_made(path: &Path) -> io::Result<Option<Vec<(PathBuf, Metadata)>>> {
    let own = rustix::process::geteuid().as_raw();
    let mut parts = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let (part, name) = (entry.path(), entry.file_name());
        let metadata = fs::symlink_metadata(&part)?;
        let name = name.to_string_lossy();
        let is_known = if metadata.is_dir() {
            PARTS.contains(&&*name) && fs::read_dir(&part)?.next().is_none()
        } else {
            let is_lock = name == "lock" && metadata.len() == 0;
            let is_unfinished = name.starts_with(".meshkat-") && name.ends_with(".tmp");
            metadata.is_file() && (is_lock || is_unfinished)
        };
        if !is_known || metadata.uid() != own {
            return Ok(None);
        }
        parts.push((part, metadata));
    }
    Ok(Some(parts))
}

/// A file, a link itself, or a folder with all that is in it; links in it are not followed.
fn remove_entry(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Another remover may be quicker with a part, or with all of it; and a process that is going may still write.
fn until_gone(path: &Path, remove: impl Fn() -> io::Result<()>) -> io::Result<()> {
    const ATTEMPTS: u32 = 10;
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        result = remove();
        match &result {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                if fs::symlink_metadata(path).is_err() {
                    return Ok(());
                }
            }
            _ => return result,
        }
    }
    result
}

/// Copies what is in a folder into another one, where nothing of these names is yet.
fn copy_folder(from: &Path, to: &Path) -> Result<(), RuntimeError> {
    for entry in fs::read_dir(from).map_err(failed("read the folder", from))? {
        let entry = entry.map_err(failed("read the folder", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed("read", &source))?;
        if kind.is_dir() {
            new_folder(&target).map_err(failed("make the folder", &target))?;
            copy_folder(&source, &target)?;
        } else if kind.is_file()
            && !entry.file_name().as_encoded_bytes().ends_with(b"lock")
            && entry.file_name() != "authorization"
        {
            let mut read = File::open(&source).map_err(failed("read", &source))?;
            let mut copy = meshkat_files::create(&target).map_err(failed("copy to", &target))?;
            io::copy(&mut read, &mut copy).map_err(failed("copy to", &target))?;
        }
    }
    Ok(())
}

/// A path that means the same from every folder.
///
/// # Errors
/// It is empty, or the current folder is not known.
pub fn absolute(path: &Path) -> Result<PathBuf, RuntimeError> {
    std::path::absolute(path).map_err(failed("make absolute", path))
}
