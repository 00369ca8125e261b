//! The user's cache: `envoy/<version>/envoy`, filled by one run at a time and never half.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::FlockOperation, io::Errno};

use super::{EnvoyError, KnownHashes, Request, Version, program, release, remembered};

/// Folders of fetches that are under way, or were when their run was killed.
const UNFINISHED: &str = ".fetch-";

/// A file in each of them: what has none is not ours to remove.
const MARK: &str = ".meshkat-fetch";

/// The binary in its folder, and the hash that it had when it was fetched.
const BINARY: &str = "envoy";
const RECORD: &str = "envoy.sha256";

/// A known version, and whether it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// The version.
    pub version: Version,
    /// The binary in the cache; `None` where it would have to be fetched.
    pub path: Option<PathBuf>,
    /// Whether it is what is used where nobody asks for a version.
    pub is_default: bool,
}

/// Every known version, oldest first. Looks only whether the files are there; runs nothing.
pub fn list(request: &Request) -> Vec<Cached> {
    release::known_versions()
        .map(|version| Cached {
            path: cached(request, &version),
            is_default: version == Version::DEFAULT,
            version,
        })
        .collect()
}

/// The binary of this version in the cache, if it is there.
pub fn cached(request: &Request, version: &Version) -> Option<PathBuf> {
    Some(Slot::new(&request.cache, version).binary()).filter(|path| path.is_file())
}

/// The place of one version in the cache.
pub(super) struct Slot {
    root: PathBuf,
    version: Version,
}

impl Slot {
    pub(super) fn new(cache: &Path, version: &Version) -> Self {
        Self {
            root: cache.join("envoy"),
            version: version.clone(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.root.join(self.version.to_string())
    }

    pub(super) fn binary(&self) -> PathBuf {
        self.folder().join(BINARY)
    }

    /// Whether a binary lies there. One that does is this version, is what was released or what was fetched, and nobody else can
    /// write to it.
    ///
    /// # Errors
    /// [`EnvoyError::Changed`]; the folder is open to others or theirs; the binary does not run or is another version.
    pub(super) fn is_filled(&self, known: &KnownHashes) -> Result<bool, EnvoyError> {
        let binary = self.binary();
        match fs::symlink_metadata(&binary) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(EnvoyError::Cache { path: binary, source }),
        }
        for folder in [&self.root, &self.folder()] {
            close(folder).map_err(|source| EnvoyError::Cache {
                path: folder.clone(),
                source,
            })?;
        }
        let cache = self.root.parent().unwrap_or(&self.root);
        let changed = |found: String| EnvoyError::Changed {
            path: binary.clone(),
            version: self.version.clone(),
            found,
        };
        let hash = remembered::hash_of(cache, &binary).map_err(|error| changed(error.to_string()))?;
        if !known.has(&self.version, &hash) && self.recorded().as_ref() != Some(&hash) {
            return Err(changed(format!("sha256 {hash}")));
        }
        let found = remembered::version_of(cache, &binary)?;
        if found == self.version {
            return Ok(true);
        }
        Err(EnvoyError::WrongVersion {
            path: binary,
            expected: self.version.clone(),
            found,
        })
    }

    /// The hash of what was fetched, where it is no package's.
    fn recorded(&self) -> Option<String> {
        let text = meshkat_files::read_to_string(&self.folder().join(RECORD), 1024).ok()?;
        Some(text.trim().to_owned())
    }

    /// Takes the cache for this run alone, until the answer is dropped. Tells `progress` when another run has it.
    pub(super) fn lock(&self, progress: &mut dyn Write) -> Result<Lock, EnvoyError> {
        let path = self.root.join(".lock");
        let failed = |source: io::Error| EnvoyError::Cache {
            path: path.clone(),
            source,
        };
        meshkat_files::private_folder(&self.root).map_err(|source| EnvoyError::Cache {
            path: self.root.clone(),
            source,
        })?;
        let file = meshkat_files::open_lock(&path).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let _ = writeln!(progress, "waiting for another run that is fetching Envoy");
                rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
                    .map_err(|error| failed(error.into()))?;
            }
            Err(error) => return Err(failed(error.into())),
        }
        Ok(Lock { _file: file })
    }

    /// An empty folder beside the versions, gone when the answer is dropped. Removes those of fetches that were killed:
    /// whoever holds the lock is the only one that fetches.
    pub(super) fn workplace(&self, _lock: &Lock) -> Result<tempfile::TempDir, EnvoyError> {
        let failed = |source| EnvoyError::Cache {
            path: self.root.clone(),
            source,
        };
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if is_unfinished(&entry) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        let folder = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.root)
            .map_err(failed)?;
        meshkat_files::write_private(&folder.path().join(MARK), "a fetch of meshkat's, which removes it\n")
            .map_err(failed)?;
        Ok(folder)
    }

    /// Proves that `fetched` is this version, then puts it in its place in one step.
    pub(super) fn install(&self, fetched: &Path, workplace: &Path, _lock: &Lock) -> Result<(), EnvoyError> {
        let failed = |source| EnvoyError::Cache {
            path: self.folder(),
            source,
        };
        fs::set_permissions(fetched, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        let found = program::version_of(fetched)?;
        if found != self.version {
            let expected = self.version.clone();
            return Err(EnvoyError::WrongVersion {
                path: fetched.to_owned(),
                expected,
                found,
            });
        }
        let ready = workplace.join("ready");
        meshkat_files::private_folder(&ready).map_err(failed)?;
        let hash = remembered::sha256(fetched).map_err(failed)?;
        meshkat_files::write_private(&ready.join(RECORD), format!("{hash}\n")).map_err(failed)?;
        fs::rename(fetched, ready.join(BINARY)).map_err(failed)?;
        self.empty()?;
        fs::rename(&ready, self.folder()).map_err(failed)
    }

    /// Takes away what an earlier fetch put there, and nothing else: the folder is named after a version, and whoever names a
    /// folder of their own as the cache may have one of that name, with anything in it.
    fn empty(&self) -> Result<(), EnvoyError> {
        let folder = self.folder();
        let failed = |source| EnvoyError::Cache {
            path: folder.clone(),
            source,
        };
        let foreign = |what: String| EnvoyError::NotOurs {
            folder: folder.clone(),
            what,
        };
        match fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
            Ok(about) if about.is_symlink() => return Err(foreign("is a link".to_owned())),
            Ok(about) if !about.is_dir() => return Err(foreign("is no folder".to_owned())),
            Ok(_) => {}
        }
        let mut ours = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_folder = entry.file_type().map_err(failed)?.is_dir();
            if is_folder || !(name == BINARY || name == RECORD) {
                return Err(foreign(format!("holds {}", name.display())));
            }
            ours.push(entry.path());
        }
        ours.iter().try_for_each(fs::remove_file).map_err(failed)?;
        fs::remove_dir(&folder).map_err(failed)
    }
}

/// Whether it is the folder of a fetch that was killed, with our mark in it, and not a link to anywhere.
fn is_unfinished(entry: &fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
        && entry.file_type().is_ok_and(|kind| kind.is_dir())
        && fs::symlink_metadata(entry.path().join(MARK)).is_ok_and(|mark| mark.is_file())
}

/// Closes a folder of this user's to all others. One of root's, as in an image that was made with Envoy in it, may be read by
/// others, and nobody may write to it.
fn close(folder: &Path) -> io::Result<()> {
    let about = fs::metadata(folder)?;
    let own = rustix::process::geteuid().as_raw();
    let others_write = about.mode() & 0o022 != 0;
    match about.uid() {
        uid if uid == own => match fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
            // A file system that nothing can be written to.
            Err(error) if others_write => Err(error),
            _ => Ok(()),
        },
        0 if !others_write => Ok(()),
        0 => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "every user may write to it",
        )),
        uid => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to user {uid}, and this is user {own}"),
        )),
    }
}

/// Held while the cache is this run's alone.
pub(super) struct Lock {
    _file: File,
}
