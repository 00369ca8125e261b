//! A gRPC client of another make: grpcio, in Python.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::OnceLock;

use meshkat_kit::testing::python::{packages, script};
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
    packages(env!("CARGO_TARGET_TMPDIR"), &[GRPCIO], VARIABLE)
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
        let mut child = script(grpcio, SCRIPT)
            .env("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap.to_string())
            .env_remove("GRPC_XDS_BOOTSTRAP")
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
