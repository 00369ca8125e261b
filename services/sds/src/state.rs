//! The registry on disk: one JSON file, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use meshkat_kit::{JsonError, from_json};
use serde::{Deserialize, Serialize};

use crate::registry::Snapshot;

/// The shape of the file that this program writes and reads.
const VERSION: u32 = 1;

/// A file of which this process is the only writer.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// In the same folder, so that renaming it is one step. One name, so that what a crash leaves is found.
    temporary: PathBuf,
    folder: File,
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
    /// The file holds something else than a registry.
    #[error("state file {}: {error}; it is left as it is", path.display())]
    Corrupt {
        /// The state file.
        path: PathBuf,
        /// What is wrong, and where.
        error: JsonError,
    },
    /// The file is of another version of this program.
    #[error("state file {}: `version` is {version}, not {VERSION}; it is left as it is", path.display())]
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
struct Document<S> {
    version: u32,
    services: S,
}

impl StateFile {
    /// Reads the registry that a file holds; makes the file if there is none.
    pub(crate) fn open(path: &Path) -> Result<(Self, Snapshot), StateError> {
        // Through a symbolic link, so that the file behind it is replaced and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().ok_or_else(|| StateError::NoName(path.clone()))?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(".tmp");
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let opened = File::open(&folder).map_err(|error| StateError::Folder {
            path: path.clone(),
            error,
        })?;
        let file = Self {
            temporary: folder.join(temporary),
            folder: opened,
            path,
        };
        match fs::read(&file.path) {
            Ok(bytes) => {
                let snapshot = file.parse(&bytes)?;
                file.forget_temporary().map_err(|error| file.unwritable(error))?;
                Ok((file, snapshot))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Better to learn now than at the first change that this cannot be written.
                file.write(&Snapshot::new()).map_err(|error| file.unwritable(error))?;
                Ok((file, Snapshot::new()))
            }
            Err(error) => Err(StateError::Read { path: file.path, error }),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Snapshot, StateError> {
        let document: Document<Snapshot> = from_json(bytes).map_err(|error| StateError::Corrupt {
            path: self.path.clone(),
            error,
        })?;
        if document.version != VERSION {
            return Err(StateError::Version {
                path: self.path.clone(),
                version: document.version,
            });
        }
        Ok(document.services)
    }

    /// Puts `after` in the place of `before`. When this returns without an error, `after` survives a crash of the
    /// machine; with one, the file holds `before`.
    pub(crate) fn replace(&self, after: &Snapshot, before: &Snapshot) -> Result<(), StateError> {
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

    fn write(&self, snapshot: &Snapshot) -> Result<(), WriteError> {
        let written = self
            .write_temporary(snapshot)
            .and_then(|()| fs::rename(&self.temporary, &self.path));
        if let Err(error) = written {
            // Already failing: a leftover is found at the next start.
            let _ = self.forget_temporary();
            return Err(WriteError { error, renamed: false });
        }
        self.folder
            .sync_all()
            .map_err(|error| WriteError { error, renamed: true })
    }

    fn write_temporary(&self, snapshot: &Snapshot) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(&Document {
            version: VERSION,
            services: snapshot,
        })?;
        bytes.push(b'\n');
        let mut file = File::create(&self.temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()
    }

    /// Removes what a crash in the middle of a write left.
    fn forget_temporary(&self) -> io::Result<()> {
        match fs::remove_file(&self.temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn unwritable(&self, error: impl Into<io::Error>) -> StateError {
        StateError::Write {
            path: self.path.clone(),
            error: error.into(),
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::{Hosts, Service};

    fn one(name: &str) -> Snapshot {
        [(
            name.parse().unwrap(),
            Arc::new(Service {
                hosts: Hosts::default(),
            }),
        )]
        .into()
    }

    #[test]
    fn what_was_written_is_read_and_leftovers_are_cleaned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        let (file, empty) = StateFile::open(&path).unwrap();
        assert_eq!(empty, Snapshot::new());
        file.replace(&one("pet"), &empty).unwrap();
        let leftover = folder.path().join(".registry.json.tmp");
        fs::write(&leftover, "half a regis").unwrap();

        let (_, read) = StateFile::open(&path).unwrap();
        assert_eq!(read, one("pet"));
        assert!(!leftover.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("registry.json"), folder.path().join("link.json"));
        StateFile::open(&path).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let (file, empty) = StateFile::open(&link).unwrap();
        file.replace(&one("pet"), &empty).unwrap();
        assert!(link.is_symlink());
        assert_eq!(StateFile::open(&path).unwrap().1, one("pet"));
    }

    #[test]
    fn what_does_not_hold_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        for (content, place) in [
            ("", "line 1 column 0"),
            ("{\"version\": 1,\n \"services\": ", "line 2 column 13"),
            (
                "{\"version\": 1, \"services\": {\"a b\": {\"hosts\": []}}}",
                "unlike \"a b\"",
            ),
            (
                "{\"version\": 1, \"services\": {\"a\": {\"hosts\": [{}]}}}",
                "services.a.hosts[0]",
            ),
            ("{\"version\": 2, \"services\": {}}", "`version` is 2"),
            ("{\"version\": 1, \"services\": {}, \"more\": 1}", "`more`"),
        ] {
            fs::write(&path, content).unwrap();
            let error = StateFile::open(&path).unwrap_err().to_string();
            assert!(
                error.contains(&path.display().to_string()) && error.contains(place),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn paths_that_cannot_work_are_errors_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("nowhere/registry.json"),
            PathBuf::from("/"),
        ] {
            let error = StateFile::open(&path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("state file {}", path.display())), "{error}");
        }
    }
}
