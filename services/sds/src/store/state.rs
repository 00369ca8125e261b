//! The registry, and the resources that were written, on disk: one JSON file, replaced as a whole.
//!
//! The file is locked for as long as a process writes to it, so that two never undo each other's changes. The lock is the
//! kernel's and lies on the file itself, so it holds whatever name the file was found under, and ends with its process. A new
//! file is locked before it takes the place of the old one: whatever is found under the name is locked, always.

mod document;
mod error;
mod left;
mod lock;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use meshkat_kit::read_whole;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use self::lock::lock;
use super::world::World;
pub use error::StateError;

/// The longest file that is read, in bytes: what memory that a discovery service is given could hold.
const LONGEST: u64 = 1 << 30;

/// How often a file is looked for again that somebody replaces at this moment.
const LOOKS: u32 = 100;

/// A file of which this process is the only writer.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    name: String,
    folder: PathBuf,
    opened: File,
    /// What lies under the path, locked.
    held: Mutex<File>,
}

/// What a file holds, which is left as it is.
pub(super) fn read(path: &Path) -> Result<World, StateError> {
    let unreadable = |error| StateError::Read {
        path: path.to_owned(),
        error,
    };
    let file = open(path, false).map_err(unreadable)?;
    document::read(path, &whole(&file).map_err(unreadable)?)
}

/// Opens a regular file; neither a pipe that nobody writes to nor a device is waited for.
fn open(path: &Path, to_lock: bool) -> io::Result<File> {
    let file = File::options()
        .read(true)
        // Over NFS, a file can only be locked by those who may write to it.
        .write(to_lock)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

fn whole(file: &File) -> io::Result<Vec<u8>> {
    if file.metadata()?.len() > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {LONGEST} bytes, which is all that is read of such a file"),
        ));
    }
    read_whole(file, LONGEST)
}

/// Whether a file lies under a path. What is not there is nobody's.
fn lies_under(file: &File, path: &Path) -> io::Result<Option<bool>> {
    match fs::symlink_metadata(path) {
        Ok(found) => {
            let own = file.metadata()?;
            Ok(Some((own.dev(), own.ino()) == (found.dev(), found.ino())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl StateFile {
    /// Locks a file and reads what it holds; makes the file if there is none.
    pub(super) fn open(path: &Path) -> Result<(Self, World), StateError> {
        // Through a symbolic link, so that the file behind it is replaced and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().ok_or_else(|| StateError::NoName(path.clone()))?;
        let name = name.to_string_lossy().into_owned();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let opened = File::open(&folder).map_err(|error| StateError::Folder {
            path: path.clone(),
            error,
        })?;
        let unreadable = |error| StateError::Read {
            path: path.clone(),
            error,
        };
        for _ in 0..LOOKS {
            let held = match open(&path, true) {
                Ok(held) => held,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if path.is_symlink() {
                        return Err(StateError::DanglingLink(path));
                    }
                    // Better to learn now than at the first change that this cannot be written.
                    match first(&folder, &name, &path) {
                        Ok(()) => continue,
                        // Somebody else was first, and may have taken what was half made here for left over.
                        Err(_) if path.exists() => continue,
                        Err(error) => return Err(StateError::Write { path, error }),
                    }
                }
                Err(error) => return Err(unreadable(error)),
            };
            match lock(&held) {
                Ok(true) => {}
                Ok(false) => return Err(StateError::InUse(path)),
                Err(error) => return Err(StateError::Lock { path, error }),
            }
            // Another process may have replaced it between the two, and then ended.
            if lies_under(&held, &path).map_err(unreadable)? != Some(true) {
                continue;
            }
            let world = document::read(&path, &whole(&held).map_err(unreadable)?)?;
            left::forget(&opened, &name, &held).map_err(|error| StateError::Write {
                path: path.clone(),
                error,
            })?;
            let file = Self {
                path,
                name,
                folder,
                opened,
                held: Mutex::new(held),
            };
            return Ok((file, world));
        }
        Err(StateError::InUse(path))
    }

    /// Puts `after` in the place of `before`. When this returns without an error, `after` survives a crash of the
    /// machine; with one, the file holds `before`.
    pub(super) fn replace(&self, after: &World, before: &World) -> Result<(), StateError> {
        self.write(after).map_err(|error| {
            if error.renamed {
                // The new file is in place, yet may not survive a crash. The change is about to be refused, so the old
                // one has to come back; should that fail too, there is nothing left to try.
                if let Err(again) = self.write(before) {
                    tracing::error!("cannot put back {}: {again}", self.path.display());
                }
            }
            self.unwritable(error)
        })
    }

    fn write(&self, world: &World) -> Result<(), WriteError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.put_in_place(world, &held);
        *held = written.map_err(|error| WriteError { error, renamed: false })?;
        self.opened
            .sync_all()
            .map_err(|error| WriteError { error, renamed: true })
    }

    /// Gives the new file, which lies under the path and is locked.
    fn put_in_place(&self, world: &World, held: &File) -> io::Result<File> {
        let new = temporary(&self.folder, &self.name)?;
        fill(&new, world)?;
        match lies_under(held, &self.path)? {
            Some(true) => new.persist(&self.path).map_err(|failed| failed.error),
            Some(false) => Err(io::Error::other(
                "somebody has put another file in its place; stop this sds before its file is changed",
            )),
            // It was taken away. Whoever makes one at the same moment was first.
            None => new.persist_noclobber(&self.path).map_err(|failed| failed.error),
        }
    }

    fn unwritable(&self, error: impl Into<io::Error>) -> StateError {
        StateError::Write {
            path: self.path.clone(),
            error: error.into(),
        }
    }
}

/// Makes a state file that holds nothing.
///
/// # Errors
/// Also when there is one by now.
fn first(folder: &Path, name: &str, path: &Path) -> io::Result<()> {
    let new = temporary(folder, name)?;
    fill(&new, &World::new())?;
    new.persist_noclobber(path).map_err(|failed| failed.error)?;
    File::open(folder)?.sync_all()
}

/// A new file that is this user's alone, under a name that nobody can know before, and locked. In the same folder, so that
/// renaming it is one step.
fn temporary(folder: &Path, name: &str) -> io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix(&left::prefix(name))
        .suffix(left::SUFFIX)
        .rand_bytes(left::RANDOM)
        .tempfile_in(folder)?;
    if lock(file.as_file())? {
        Ok(file)
    } else {
        Err(io::Error::other("a file that was just made is locked by somebody else"))
    }
}

fn fill(file: &NamedTempFile, world: &World) -> io::Result<()> {
    let bytes = document::write(world)?;
    let mut file = file.as_file();
    file.write_all(&bytes)?;
    file.sync_all()
}

/// A write that failed, and whether the new file is in place nevertheless.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
struct WriteError {
    error: io::Error,
    renamed: bool,
}

impl From<WriteError> for io::Error {
    fn from(failed: WriteError) -> Self {
        failed.error
    }
}
