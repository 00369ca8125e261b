//! Envoy's own releases, for machines without any Python client. `curl` speaks TLS so that this program need not.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Attempt, EnvoyError, Platform, Version, program, remembered::sha256, task::Fetch};

const NAME: &str = "curl, from Envoy's own releases";

/// The release's file of hashes, signed in clear text.
const CHECKSUMS: &str = "checksums.txt.asc";

/// The name of the binary among the release's files; `None` where the project builds none.
pub(super) fn asset(version: &Version, platform: Platform) -> Option<String> {
    let machine = match platform {
        Platform::LinuxX86_64 => "linux-x86_64",
        Platform::LinuxAarch64 => "linux-aarch_64",
        Platform::MacosArm64 | Platform::WindowsAmd64 => return None,
    };
    Some(format!("envoy-{version}-{machine}"))
}

/// Fetches the release's hashes and the binary, and holds one against the other.
pub(super) fn fetch(
    curl: &Path,
    asset: &str,
    fetch: &Fetch<'_>,
    progress: &mut dyn Write,
) -> Result<Result<PathBuf, Attempt>, EnvoyError> {
    let attempt = |output: String| {
        Ok(Err(Attempt {
            client: NAME.to_owned(),
            output,
        }))
    };
    let _ = writeln!(progress, "fetching Envoy {} with {NAME}", fetch.version);
    let (checksums, binary) = (fetch.folder.join(CHECKSUMS), fetch.folder.join(asset));
    for (name, file) in [(CHECKSUMS, &checksums), (asset, &binary)] {
        let url = format!(
            "https://github.com/envoyproxy/envoy/releases/download/v{}/{name}",
            fetch.version
        );
        match program::run(download(curl, &url, file), progress) {
            Ok(outcome) if outcome.success => {}
            Ok(outcome) => return attempt(outcome.tail()),
            Err(error) => return attempt(error.to_string()),
        }
    }
    let cache = |path: &Path, source| EnvoyError::Cache {
        path: path.to_owned(),
        source,
    };
    let listed = fs::read_to_string(&checksums).map_err(|source| cache(&checksums, source))?;
    let Some(expected) = hash_in(&listed, asset) else {
        return attempt(format!("the release's {CHECKSUMS} does not name {asset}"));
    };
    let found = sha256(&binary).map_err(|source| cache(&binary, source))?;
    if found != expected {
        let output = format!("sha256 of {asset}\nexpected {expected}\nfound    {found}");
        let attempt = Attempt {
            client: NAME.to_owned(),
            output,
        };
        return Err(EnvoyError::WrongHash {
            version: fetch.version.clone(),
            attempt,
        });
    }
    Ok(Ok(binary))
}

fn download(curl: &Path, url: &str, file: &Path) -> Command {
    let mut command = Command::new(curl);
    command.args([
        "--fail",
        "--location",
        "--proto",
        "=https",
        "--retry",
        "2",
        "--connect-timeout",
        "15",
        "--output",
    ]);
    command.arg(file).arg(url);
    command
}

/// The hash of `asset` in lines of `<hash>  <path>`.
fn hash_in(listed: &str, asset: &str) -> Option<String> {
    listed.lines().find_map(|line| {
        let (hash, path) = line.split_once(char::is_whitespace)?;
        let name = path.trim_start_matches([' ', '*']).rsplit('/').next()?;
        (name == asset && hash.len() == 64).then(|| hash.to_lowercase())
    })
}
