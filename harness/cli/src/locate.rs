//! Finding an Envoy, or fetching it.

use meshkat_envoy::binary::{self, Envoy, EnvoyError, Request, Version};

use crate::{args::EnvoyChoice, exit::Exit, output::told};

/// Finds the Envoy that was asked for, or fetches it.
///
/// # Errors
/// Why there is none; a version that is not known is a matter of usage.
pub(crate) async fn envoy(choice: &EnvoyChoice) -> Result<Envoy, Exit> {
    let typed = choice.envoy.clone();
    let found = tokio::task::spawn_blocking(move || blocking(typed)).await;
    found.map_err(|error| Exit::environment(format!("failed to look for Envoy: {error}")))?
}

/// As [`envoy`], and blocks for as long as a fetch takes.
///
/// # Errors
/// As of [`envoy`].
pub(crate) fn blocking(typed: Option<String>) -> Result<Envoy, Exit> {
    let request = Request::from_environment(typed).map_err(|error| no_envoy(&error))?;
    binary::locate(&request, &mut told()).map_err(|error| no_envoy(&error))
}

/// Fetches a version in place of the one in the cache.
///
/// # Errors
/// As of [`envoy`].
pub(crate) async fn fetch_again(version: String) -> Result<Envoy, Exit> {
    let fetched = tokio::task::spawn_blocking(move || {
        let request = Request::from_environment(Some(version)).map_err(|error| no_envoy(&error))?;
        binary::fetch_again(&request, &mut told()).map_err(|error| no_envoy(&error))
    });
    let fetched = fetched.await;
    fetched.map_err(|error| Exit::environment(format!("failed to fetch Envoy: {error}")))?
}

/// Whether this Envoy is a release whose hash is known; also not where it cannot be read.
pub(crate) async fn is_known_release(envoy: Envoy) -> bool {
    let known = tokio::task::spawn_blocking(move || {
        let request = Request::from_environment(None).ok()?;
        binary::known_release(&request, &envoy).ok()?
    });
    known.await.is_ok_and(|release| release.is_some())
}

/// The version that is meant by what was typed.
///
/// # Errors
/// It is not known.
pub(crate) fn version(typed: &str) -> Result<Version, Exit> {
    Version::resolve(typed).ok_or_else(|| {
        no_envoy(&EnvoyError::UnknownVersion {
            asked: typed.to_owned(),
        })
    })
}

/// Why there is no Envoy; a version that is not known is a matter of usage.
fn no_envoy(error: &EnvoyError) -> Exit {
    let exit = match error {
        EnvoyError::UnknownVersion { .. } => Exit::usage(error.to_string()),
        _ => Exit::environment(error.to_string()),
    };
    exit.help(error.help())
}
