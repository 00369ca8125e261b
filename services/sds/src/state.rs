//! The registry, and the resources that were written, on disk: one JSON file, replaced as a whole.
//!
//! The file is locked for as long as a process writes to it, so that two never undo each other's changes. The lock is the
//! kernel's and lies on the file itself, so it holds whatever name the file was found under, and ends with its process. A new
//! file is locked before it takes the place of the old one: whatever is found under the name is locked, always.

mod left;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use meshkat_kit::{JsonError, from_json};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use tempfile::NamedTempFile;

use crate::kept::{Kept, KeptResource, WrittenResource};
use crate::name::ServiceName;
use crate::registry::Snapshot;

/// The shape of a file that has services alone. It is written as long as that is all, so that older programs can read it.
const SERVICES: u32 = 1;

/// The shape of a file that has resources too.
const RESOURCES: u32 = 2;

/// How often a file is looked for again that somebody replaces at this moment.
const LOOKS: u32 = 100;

/// A file of which this process is the only writer.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    name: String,
    folder: PathBuf,
    opened: File,
    /// What lies under the path, locked.
    held: Mutex<File>,
}

/// Why the state on disk cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The path names no file.
    #[error("state file {}: there is no file name in the path", .0.display())]
    NoName(PathBuf),
    /// The folder is not there, or cannot be used.
    #[error("state file {}: its folder cannot be opened: {error}", path.display())]
    Folder {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is there and cannot be read.
    #[error("state file {}: cannot be read: {error}", path.display())]
    Read {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is a link, and what it points to is not there.
    #[error("state file {}: it is a link to a file that is not there; make that file, or remove the link", .0.display())]
    DanglingLink(PathBuf),
    /// Another process writes to it.
    #[error(
        "state file {}: another sds writes to it; stop that one, or give this one a file of its own with --state",
        .0.display()
    )]
    InUse(PathBuf),
    /// Nobody can say whether another process writes to it.
    #[error("state file {}: cannot be locked: {error}; put it on a file system that has locks", path.display())]
    Lock {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file holds something else than a registry.
    #[error("state file {}: {error}; it is left as it is", path.display())]
    Corrupt {
        /// The state file.
        path: PathBuf,
        /// What is wrong, and where.
        error: JsonError,
    },
    /// A resource in the file is none.
    #[error("state file {}: resources[{index}]: {error}; it is left as it is", path.display())]
    Resource {
        /// The state file.
        path: PathBuf,
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        error: String,
    },
    /// The file is of another version of this program.
    #[error("state file {}: `version` is {version}, and {SERVICES} and {RESOURCES} are known; it is left as it is", path.display())]
    Version {
        /// The state file.
        path: PathBuf,
        /// The version that it has.
        version: u32,
    },
    /// The file cannot be replaced. What it held is still there.
    #[error("state file {}: cannot be written: {error}", path.display())]
    Write {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<S, R> {
    version: u32,
    services: S,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    resources: Vec<R>,
}

/// The services of a file that people may have written: a name that is there twice would lose one of the two.
struct Services(Snapshot);

impl<'de> Deserialize<'de> for Services {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Services;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of services")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Services, A::Error> {
                let mut services = Snapshot::new();
                while let Some(name) = map.next_key::<ServiceName>()? {
                    if services.contains_key(&name) {
                        return Err(A::Error::custom(format!(
                            "the service {name} is there twice; leave out one of them"
                        )));
                    }
                    services.insert(name, map.next_value()?);
                }
                Ok(Services(services))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// What a file holds, which is left as it is.
pub(crate) fn read(path: &Path) -> Result<Kept, StateError> {
    let unreadable = |error| StateError::Read {
        path: path.to_owned(),
        error,
    };
    let file = open(path, false).map_err(unreadable)?;
    parse(path, &whole(&file).map_err(unreadable)?)
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

fn whole(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes the lock of a file; false if another process has it.
fn lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
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

fn parse(path: &Path, bytes: &[u8]) -> Result<Kept, StateError> {
    let corrupt = |error| StateError::Corrupt {
        path: path.to_owned(),
        error,
    };
    let document: Document<Services, WrittenResource> = from_json(bytes).map_err(corrupt)?;
    let known = match document.version {
        SERVICES => document.resources.is_empty(),
        version => version == RESOURCES,
    };
    if !known {
        return Err(StateError::Version {
            path: path.to_owned(),
            version: document.version,
        });
    }
    let resources = document.resources.into_iter().enumerate();
    let resources = resources.map(|(index, written)| {
        KeptResource::read(written).map_err(|error| StateError::Resource {
            path: path.to_owned(),
            index,
            error,
        })
    });
    Ok(Kept {
        services: document.services.0.into(),
        resources: resources.collect::<Result<_, _>>()?,
    })
}

impl StateFile {
    /// Locks a file and reads what it holds; makes the file if there is none.
    pub(crate) fn open(path: &Path) -> Result<(Self, Kept), StateError> {
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
            let kept = parse(&path, &whole(&held).map_err(unreadable)?)?;
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
            return Ok((file, kept));
        }
        Err(StateError::InUse(path))
    }

    /// Puts `after` in the place of `before`. When this returns without an error, `after` survives a crash of the
    /// machine; with one, the file holds `before`.
    pub(crate) fn replace(&self, after: &Kept, before: &Kept) -> Result<(), StateError> {
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

    fn write(&self, kept: &Kept) -> Result<(), WriteError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.put_in_place(kept, &held);
        *held = written.map_err(|error| WriteError { error, renamed: false })?;
        self.opened
            .sync_all()
            .map_err(|error| WriteError { error, renamed: true })
    }

    /// Gives the new file, which lies under the path and is locked.
    fn put_in_place(&self, kept: &Kept, held: &File) -> io::Result<File> {
        let new = temporary(&self.folder, &self.name)?;
        fill(&new, kept)?;
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
    fill(&new, &Kept::default())?;
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

fn fill(file: &NamedTempFile, kept: &Kept) -> io::Result<()> {
    let resources = kept.resources.iter().map(KeptResource::write);
    let mut bytes = serde_json::to_vec_pretty(&Document {
        version: if kept.resources.is_empty() { SERVICES } else { RESOURCES },
        services: &*kept.services,
        resources: resources.collect::<Result<_, _>>()?,
    })?;
    bytes.push(b'\n');
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
