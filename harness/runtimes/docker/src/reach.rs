//! How this machine reaches the ports of pods.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;

use bollard::models::{PortBinding, PortMap};
use meshkat_model::mesh::{PodPorts, Port};
use meshkat_runtime::RuntimeError;

/// The variable that names a way.
pub const REACH: &str = "MESHKAT_DOCKER_REACH";

/// How this machine reaches the ports of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At the pods' own addresses: the daemon's bridges are this machine's.
    Addresses,
    /// At ports of 127.0.0.1: the daemon is in a virtual machine, as on macOS and Windows.
    Published,
}

impl Reach {
    /// The way that the environment names; none if it names none.
    ///
    /// # Errors
    /// It names one that there is not.
    pub(crate) fn from_environment() -> Result<Option<Self>, RuntimeError> {
        match std::env::var(REACH).as_deref() {
            Err(_) | Ok("") => Ok(None),
            Ok("addresses") => Ok(Some(Self::Addresses)),
            Ok("published") => Ok(Some(Self::Published)),
            Ok(other) => Err(RuntimeError::other(format!(
                "{REACH} is `{other}`, and there is no such way to reach pods"
            ))
            .with_help("write `addresses` or `published`".to_owned())),
        }
    }

    /// The way that works here: where the daemon's own bridge is one of this machine's interfaces, so are its others.
    pub(crate) fn here() -> Self {
        if Path::new("/sys/class/net/docker0").exists() {
            Self::Addresses
        } else {
            Self::Published
        }
    }

    /// What a sandbox publishes.
    pub(crate) fn bindings(self, ports: &PodPorts) -> Option<PortMap> {
        let binding = |_| {
            Some(vec![PortBinding {
                host_ip: Some("127.0.0.1".to_owned()),
                // Any that is free.
                host_port: Some(String::new()),
            }])
        };
        match self {
            Self::Addresses => None,
            Self::Published => Some(Port::ALL.map(|port| (key(ports, port), binding(port))).into()),
        }
    }
}

/// What the daemon calls a port.
fn key(ports: &PodPorts, port: Port) -> String {
    format!("{}/tcp", ports.number(port))
}

/// The ports that the sandbox of a pod exposes.
pub(crate) fn exposed(ports: &PodPorts) -> Vec<String> {
    Port::ALL.map(|port| key(ports, port)).into()
}

/// Where the published ports of a pod's sandbox are.
pub(crate) fn published(
    of_pod: &PodPorts,
    ports: &HashMap<String, Option<Vec<PortBinding>>>,
) -> BTreeMap<Port, SocketAddr> {
    let of = |port: Port| {
        let bindings = ports.get(&key(of_pod, port))?.as_ref()?;
        let found = bindings.iter().find_map(|binding| {
            let host = binding.host_ip.as_deref()?.parse().ok()?;
            Some(SocketAddr::new(host, binding.host_port.as_deref()?.parse().ok()?))
        });
        found.map(|socket| (port, socket))
    };
    Port::ALL.into_iter().filter_map(of).collect()
}
