//! Meshes whose programs are tiny scripts.

#![allow(
    dead_code,
    reason = "each test program uses a part of this, and which differs from one to the other"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use meshkat_model::mesh::{Container, GroupSpec, MeshSpec, Service};
use meshkat_runtime::run::LeaseId;
use meshkat_runtime::{ContainerState, Lease, Pod};
use tempfile::TempDir;

/// Long enough for a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Tells what it was called with, and stays.
pub(crate) const STAYS: &str = "#!/bin/sh\necho \"$@\"\nexec sleep 1000\n";

/// What an Envoy of these tests is told; no real one reads it.
const ENVOY: &str = "
node: {id: x, cluster: pet}
admin: {address: {socket_address: {address: 0.0.0.0, port_value: 8081}}}
static_resources:
  listeners: [{name: inbound, address: {socket_address: {address: 0.0.0.0, port_value: 10000}}}]
  clusters:
  - name: discovery
    type: STRICT_DNS
    load_assignment: {cluster_name: discovery, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: HOST, port_value: 8080}}}}]}]}
";

/// A folder with programs and room for state; gone with all that is in it when it is dropped.
pub(crate) struct Ground {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Ground {
    /// All programs stay when they are started.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ground = Self {
            path: folder.path().to_owned(),
            _folder: Some(folder),
        };
        for part in ["bin", "state", "envoys"] {
            std::fs::create_dir(ground.path.join(part)).expect("the folder is ours");
        }
        for program in ["envoy", "pet", "petstore", "echo", "sds"] {
            ground.program(program, STAYS);
        }
        ground.envoy_file("sidecar", "sds");
        ground
    }

    /// The same in another process, which does not own it.
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            _folder: None,
        }
    }

    /// Puts a script in the place of a program.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.bin().join(name);
        std::fs::write(&path, script).expect("the folder is ours");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("the file is ours");
    }

    /// An Envoy configuration that finds its discovery service at `host`.
    pub(crate) fn envoy_file(&self, name: &str, host: &str) -> PathBuf {
        let path = self.path.join("envoys").join(format!("{name}.yaml"));
        std::fs::write(&path, ENVOY.replace("HOST", host)).expect("the folder is ours");
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.path.join("bin")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// The names in the folder of runs.
    pub(crate) fn runs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.state().join("runs")) else {
            return Vec::new();
        };
        entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    /// `sds`, two `pet`s with their Envoys, an `ingress` that is an Envoy alone, and an `echo` that does not run yet.
    pub(crate) fn mesh(&self) -> MeshSpec {
        let sidecar = || Some(self.path.join("envoys/sidecar.yaml"));
        let group = |service: Option<Service>, envoy, replicas, started| GroupSpec {
            application: service.map(Into::into),
            envoy,
            overlays: Vec::new(),
            replicas,
            started,
            registered: true,
        };
        MeshSpec {
            name: "petshop".to_owned(),
            groups: IndexMap::from([
                ("ingress".to_owned(), group(None, sidecar(), None, true)),
                ("pet".to_owned(), group(Some(Service::Pet), sidecar(), Some(2), true)),
                ("sds".to_owned(), group(Some(Service::Sds), None, None, true)),
                ("echo".to_owned(), group(Some(Service::Echo), None, None, false)),
            ]),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        }
    }

    /// One `echo` alone.
    pub(crate) fn one(&self, script: &str) -> MeshSpec {
        self.program("echo", script);
        let group = GroupSpec {
            application: Some(Service::Echo.into()),
            envoy: None,
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: true,
        };
        MeshSpec {
            name: "one".to_owned(),
            groups: IndexMap::from([("echo".to_owned(), group)]),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until something is so that has to be asked for.
pub(crate) async fn until_so(what: &str, so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn id(text: &str) -> LeaseId {
    text.parse().expect("it is the name of a lease")
}

pub(crate) const APPLICATION: Container = Container::Application;

pub(crate) fn pod(lease: &Arc<dyn Lease>, name: &str) -> Pod {
    lease.pod(name).expect("the pod is there")
}

pub(crate) fn application(lease: &Arc<dyn Lease>, name: &str) -> ContainerState {
    pod(lease, name).application.expect("the pod has an application")
}

/// Waits for a state, and only by what [`Lease::changes`] tells.
pub(crate) async fn until_state(
    lease: &Arc<dyn Lease>,
    name: &str,
    so: impl Fn(&ContainerState) -> bool,
) -> ContainerState {
    let mut changes = lease.changes();
    let seen = tokio::time::timeout(DEADLINE, changes.wait_for(|_| so(&application(lease, name)))).await;
    seen.expect("the state comes in time").expect("the lease is there");
    application(lease, name)
}
