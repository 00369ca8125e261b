//! Which Envoy it is going to be.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{EnvoyError, Request, Version, cache::Slot, program, remembered, task::Fetch};

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
