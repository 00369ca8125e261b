//! The variables that the processes of a mesh have: a short list of this process's own, and what the mesh gives them.
//!
//! An Envoy configuration can print any variable of its Envoy's, and so can an application; a report shows what they print.
//! Whoever runs a stranger's configuration may have secrets in the environment, as every CI has. So nothing is handed on
//! but what is on the list.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::run::id::LeaseId;
use crate::run::state::STATE_DIR;

/// The variable that tells a process of which run it is. It is also how a process is known to be of that run: a number and
/// a time can be written into any ledger, but only who started a process has given it its environment.
pub const RUN: &str = "MESHKAT_RUN";

/// Variables and their values.
pub type Environment = BTreeMap<OsString, OsString>;

/// What is handed on of this process's own variables: where programs, libraries and temporary files are, the language, the
/// time zone, and how much Rust programs tell.
const HANDED_ON: [&str; 10] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

/// The language's variables begin so.
const LANGUAGE: &[u8] = b"LC_";

/// Of this process's variables those that are handed on.
pub fn handed_on() -> Environment {
    std::env::vars_os().filter(|(name, _)| is_handed_on(name)).collect()
}

fn is_handed_on(name: &OsStr) -> bool {
    HANDED_ON.iter().any(|handed_on| name == *handed_on) || name.as_encoded_bytes().starts_with(LANGUAGE)
}

/// What every process of a run is given.
pub fn of_run(run: &LeaseId, state_dir: &Path) -> Environment {
    BTreeMap::from([
        (RUN.into(), run.as_str().into()),
        (STATE_DIR.into(), state_dir.as_os_str().to_owned()),
    ])
}

/// What a reaper is given: how the runtime is reached, and, as every process of a run, whose it is.
pub(crate) fn of_reaper(state_dir: &Path, reached_by: &[&str]) -> Environment {
    let mut variables = Environment::from([(STATE_DIR.into(), state_dir.as_os_str().to_owned())]);
    variables.extend(
        reached_by
            .iter()
            .filter_map(|name| Some((name.into(), std::env::var_os(name)?))),
    );
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_proxies_and_what_the_services_read_are_not_handed_on() {
        for name in [
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "CI_JOB_TOKEN",
            "HTTPS_PROXY",
            "no_proxy",
            "LD_PRELOAD",
            "CONFIG",
            "STATE",
            "KUBERNETES_TOKEN_PATH",
            "PATH_OF_SECRET",
            "lc_all",
            "LC",
        ] {
            assert!(!is_handed_on(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "LANG", "LC_ALL", "LC_MESSAGES", "RUST_BACKTRACE"] {
            assert!(is_handed_on(OsStr::new(name)), "{name}");
        }
    }
}
