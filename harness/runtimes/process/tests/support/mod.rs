//! Meshes of processes whose programs are tiny scripts.

#![allow(
    dead_code,
    reason = "each test program uses a part of this, and which differs from one to the other"
)]

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use meshkat_model::mesh::MeshSpec;
use meshkat_runtime::run::{LOG_LIMIT, ProcessIdentity};
use meshkat_runtime::{Backend, ContainerState, Envoys, Lease, RuntimeError};
use meshkat_runtime_process::{LOCK_PORT, ProcessBackend, ProcessOptions};

#[path = "../../../../runtime/tests/support/mod.rs"]
mod ground;

pub(crate) use ground::*;

impl Ground {
    pub(crate) fn options(&self) -> ProcessOptions {
        ProcessOptions {
            envoys: Envoys::one(self.bin().join("envoy")),
            envoy_options: Default::default(),
            services_dir: self.bin(),
            services: None,
            state_dir: self.state(),
            keep: false,
            grace: DEADLINE,
            log_limit: LOG_LIMIT,
            reaper: None,
        }
    }
}

pub(crate) async fn lease(ground: &Ground, mesh: &MeshSpec) -> Arc<dyn Lease> {
    lease_with(ground.options(), mesh).await.expect("the mesh starts")
}

pub(crate) async fn lease_with(options: ProcessOptions, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError> {
    ProcessBackend::new(options)?.lease(mesh).await
}

pub(crate) async fn until_log(lease: &Arc<dyn Lease>, name: &str, text: &str) -> String {
    let log = async || lease.log(name, APPLICATION, 10_000).await.expect("the log can be read");
    until_so(&format!("{text} in the log"), async || log().await.contains(text)).await;
    log().await
}

/// The number of a container's process.
pub(crate) fn process_of(state: &ContainerState) -> Option<u32> {
    let instance = state.instance()?.to_string();
    instance.strip_prefix("process ")?.parse().ok()
}

pub(crate) fn is_alive(pid: u32) -> bool {
    ProcessIdentity::of(pid).is_some()
}

/// Whether nobody holds the block of an address.
pub(crate) fn block_is_free(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else {
        panic!("pods have IPv4 addresses")
    };
    let [a, b, c, _] = address.octets();
    UdpSocket::bind((IpAddr::from([a, b, c, 255]), LOCK_PORT)).is_ok()
}

pub(crate) fn is_running(state: &ContainerState) -> bool {
    matches!(state, ContainerState::Running { .. })
}
