//! A gRPC client of another make: grpcio, in Python.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::json;

/// The package, as `pip` knows it.
const GRPCIO: &str = "grpcio==1.85.3";

/// A folder that has the package already, or `without`.
const VARIABLE: &str = "MESHKAT_GRPCIO";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/grpc/call.py");

/// A folder with grpcio, which is fetched once. `None` if somebody wants to do without: that is said.
pub(crate) fn grpcio() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(find).as_deref()
}

fn find() -> Option<PathBuf> {
    match env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) if value == "without" => {
            eprintln!("SKIPPED: no gRPC client was tried against sds, as {VARIABLE}=without asks for");
            return None;
        }
        Some(folder) => return Some(folder.into()),
        None => {}
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(GRPCIO);
    if place.is_dir() {
        return Some(place);
    }
    // From an empty folder: `python3 -m pip` runs a `pip.py` of the one that it starts in.
    let parent = place.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    let new = tempfile::tempdir_in(parent).unwrap();
    let ways: [&[&str]; 2] = [
        &[
            "python3",
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        ],
        &["uv", "pip", "install", "--python", "python3"],
    ];
    let mut said = String::new();
    for way in ways {
        let package = new.path().join("package");
        let output = Command::new(way[0])
            .args(&way[1..])
            .arg("--target")
            .arg(&package)
            .arg(GRPCIO)
            .current_dir(new.path())
            .output();
        match output {
            Ok(output) if output.status.success() => {
                // Whoever was first has the same.
                if fs::rename(&package, &place).is_err() {
                    assert!(place.is_dir());
                }
                return Some(place);
            }
            Ok(output) => said += &format!("{}: {}\n", way[0], String::from_utf8_lossy(&output.stderr)),
            Err(error) => said += &format!("{}: {error}\n", way[0]),
        }
    }
    panic!(
        "there is no {GRPCIO}, and it cannot be fetched: set {VARIABLE} to a folder that has it (`pip install --target FOLDER \
         {GRPCIO}`), or to `without` to try no gRPC client\n{said}"
    );
}

/// A service, and a client that asks a discovery service where it is. Killed when dropped.
pub(crate) struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl Peer {
    /// Starts both. The client will ask the discovery service at `sds`, such as `127.0.0.1:8080`.
    pub(crate) fn start(grpcio: &Path, sds: &str) -> Self {
        let bootstrap = json!({
            "xds_servers": [{"server_uri": sds, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
            "node": {"id": "grpc-a", "cluster": "demo"},
        });
        let mut child = Command::new("python3")
            .arg(SCRIPT)
            .env("PYTHONPATH", grpcio)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap.to_string())
            .env_remove("GRPC_XDS_BOOTSTRAP")
            // A proxy of the environment is for the world outside.
            .env("no_grpc_proxy", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self {
            child,
            stdin,
            stdout,
            port: 0,
        };
        peer.port = peer.line().parse().unwrap();
        peer
    }

    /// Who answers a call of `xds:///NAME`, or what the client says went wrong.
    pub(crate) fn call(&mut self, name: &str) -> String {
        writeln!(self.stdin, "{name}").unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
