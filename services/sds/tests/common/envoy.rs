//! Where the real Envoy is.

use std::env;
use std::path::PathBuf;

/// Where `meshkat envoy fetch` puts Envoy, below its cache.
const CACHED: &str = "envoy/1.40.0/envoy";

/// The binary: `$MESHKAT_ENVOY`, the one on the path, or the one that the harness fetched.
pub(crate) fn binary() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("envoy"));
    let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("MESHKAT_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("meshkat")))
        .or_else(|| Some(folder("HOME")?.join(".cache/meshkat")));
    let cached = cache.map(|cache| cache.join(CACHED));
    let named = env::var_os("MESHKAT_ENVOY").map(PathBuf::from);
    named
        .into_iter()
        .chain(on_path)
        .chain(cached)
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no Envoy: put `envoy` on the PATH, set MESHKAT_ENVOY, or run `meshkat envoy fetch`"))
}
