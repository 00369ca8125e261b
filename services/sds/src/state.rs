//! The registry, and the resources that were written, on disk: one JSON file, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use meshkat_kit::{JsonError, from_json};
use serde::{Deserialize, Serialize};

use crate::kept::{Kept, KeptResource, WrittenResource};
use crate::registry::Snapshot;

/// The shape of a file that has services alone. It is written as long as that is all, so that older programs can read it.
const SERVICES: u32 = 1;

/// The shape of a file that has resources too.
const RESOURCES: u32 = 2;

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

/// What a file holds, which is left as it is.
pub(crate) fn read(path: &Path) -> Result<Kept, StateError> {
    let bytes = fs::read(path).map_err(|error| StateError::Read {
        path: path.to_owned(),
        error,
    })?;
    parse(path, &bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Kept, StateError> {
    let corrupt = |error| StateError::Corrupt {
        path: path.to_owned(),
        error,
    };
    let document: Document<Snapshot, WrittenResource> = from_json(bytes).map_err(corrupt)?;
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
        services: document.services.into(),
        resources: resources.collect::<Result<_, _>>()?,
    })
}

impl StateFile {
    /// Reads what a file holds; makes the file if there is none.
    pub(crate) fn open(path: &Path) -> Result<(Self, Kept), StateError> {
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
                let kept = parse(&file.path, &bytes)?;
                file.forget_temporary().map_err(|error| file.unwritable(error))?;
                Ok((file, kept))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Better to learn now than at the first change that this cannot be written.
                file.write(&Kept::default()).map_err(|error| file.unwritable(error))?;
                Ok((file, Kept::default()))
            }
            Err(error) => Err(StateError::Read { path: file.path, error }),
        }
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
        let written = self
            .write_temporary(kept)
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

    fn write_temporary(&self, kept: &Kept) -> io::Result<()> {
        let resources = kept.resources.iter().map(KeptResource::write);
        let mut bytes = serde_json::to_vec_pretty(&Document {
            version: if kept.resources.is_empty() { SERVICES } else { RESOURCES },
            services: &*kept.services,
            resources: resources.collect::<Result<_, _>>()?,
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

    use serde_json::json;

    use super::*;
    use crate::host::{Hosts, Service};
    use crate::resources::{Kind, Resource};

    fn one(name: &str) -> Kept {
        let service = Arc::new(Service {
            hosts: Hosts::default(),
        });
        Kept {
            services: Arc::new([(name.parse().unwrap(), service)].into()),
            resources: Vec::new(),
        }
    }

    fn cluster(node_cluster: Option<&str>) -> KeptResource {
        let resource = Resource::from_json(Kind::Clusters, "a", br#"{"name": "a", "alt_stat_name": "b"}"#);
        KeptResource {
            kind: Kind::Clusters,
            name: "a".to_owned(),
            node_cluster: node_cluster.map(str::to_owned),
            resource: Arc::new(resource.unwrap()),
        }
    }

    #[test]
    fn resources_are_read_as_they_were_written_and_cost_nothing_while_there_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        let (file, empty) = StateFile::open(&path).unwrap();
        let document = || serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(document(), json!({"version": 1, "services": {}}));
        let mut kept = one("pet");
        kept.resources = vec![cluster(None), cluster(Some("demo"))];
        file.replace(&kept, &empty).unwrap();
        let resource = json!({"name": "a", "alt_stat_name": "b"});
        assert_eq!(
            document(),
            json!({
                "version": 2,
                "services": {"pet": {"hosts": []}},
                "resources": [
                    {"type": "clusters", "name": "a", "resource": resource},
                    {"type": "clusters", "name": "a", "node_cluster": "demo", "resource": resource},
                ],
            })
        );
        assert_eq!(StateFile::open(&path).unwrap().1, kept);
    }

    #[test]
    fn what_was_written_is_read_and_leftovers_are_cleaned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        let (file, empty) = StateFile::open(&path).unwrap();
        assert_eq!(empty, Kept::default());
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
            ("{\"version\": 3, \"services\": {}}", "`version` is 3"),
            (
                "{\"version\": 2, \"services\": {}, \"resources\": [{\"type\": \"secrets\"}]}",
                "resources[0].type",
            ),
            (
                "{\"version\": 2, \"services\": {}, \"resources\": [{\"type\": \"clusters\", \"name\": \"a\", \"resource\": {\"name\": \"b\"}}]}",
                "resources[0]: name",
            ),
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
