//! The user's cache: `envoy/<version>/envoy`, filled by one run at a time and never half.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::{fs::FlockOperation, io::Errno};

use super::{EnvoyError, Request, Version, program, release, remembered};

/// Folders of fetches that are under way, or were when their run was killed.
const UNFINISHED: &str = ".fetch-";

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
        self.folder().join("envoy")
    }

    /// Whether what lies there runs and is this version. Anything else is as good as nothing, and is fetched again.
    pub(super) fn is_usable(&self) -> bool {
        let binary = self.binary();
        let cache = self.root.parent().unwrap_or(&self.root);
        binary.is_file() && remembered::version_of(cache, &binary).is_ok_and(|found| found == self.version)
    }

    /// Takes the cache for this run alone, until the answer is dropped. Tells `progress` when another run has it.
    pub(super) fn lock(&self, progress: &mut dyn Write) -> Result<Lock, EnvoyError> {
        let path = self.root.join(".lock");
        let failed = |source: io::Error| EnvoyError::Cache {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&self.root).map_err(failed)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
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
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.root)
            .map_err(failed)
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
        fs::create_dir(&ready).map_err(failed)?;
        fs::rename(fetched, ready.join("envoy")).map_err(failed)?;
        // What lies there now was found unusable.
        match fs::remove_dir_all(self.folder()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::rename(&ready, self.folder()).map_err(failed)
    }
}

/// Held while the cache is this run's alone.
pub(super) struct Lock {
    _file: File,
}
