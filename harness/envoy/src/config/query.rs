//! Questions about a configuration.

use std::net::SocketAddr;

use serde_yaml::Value;

use super::{
    Bootstrap,
    value::{dig, get, items},
};

/// A listener with a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name; empty where it has none.
    pub name: String,
    /// The address that it stands at, as it is written.
    pub address: String,
    /// Its port.
    pub port: u16,
}

/// A cluster whose endpoints come from the discovery service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdsCluster {
    /// The cluster's name.
    pub cluster: String,
    /// The name that its endpoints are asked for by.
    pub service: String,
}

impl Bootstrap {
    /// The static listeners that have a socket address, in the order of the file.
    pub fn listeners(&self) -> Vec<Listener> {
        let Some(resources) = get(self.document(), "static_resources") else {
            return Vec::new();
        };
        items(resources, "listeners")
            .iter()
            .filter_map(|listener| {
                let (address, port) = socket(listener)?;
                Some(Listener {
                    name: text(listener, "name").unwrap_or_default(),
                    address,
                    port,
                })
            })
            .collect()
    }

    /// The address and port of the admin interface, as they are written; `None` where it has none.
    pub fn admin(&self) -> Option<(String, u16)> {
        socket(get(self.document(), "admin")?)
    }

    /// The names of the static clusters, in the order of the file.
    pub fn clusters(&self) -> Vec<String> {
        self.cluster_values()
            .iter()
            .filter_map(|cluster| text(cluster, "name"))
            .collect()
    }

    /// The static clusters whose endpoints come from the discovery service, in the order of the file.
    pub fn eds_clusters(&self) -> Vec<EdsCluster> {
        self.cluster_values()
            .iter()
            .filter_map(|value| {
                let eds = get(value, "eds_cluster_config")?;
                let cluster = text(value, "name")?;
                let service = text(eds, "service_name").unwrap_or_else(|| cluster.clone());
                Some(EdsCluster { cluster, service })
            })
            .collect()
    }

    pub(super) fn cluster_values(&self) -> &[Value] {
        get(self.document(), "static_resources").map_or(&[], |resources| items(resources, "clusters"))
    }
}

/// The text in field `name`.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    get(value, name)?.as_str().map(str::to_owned)
}

/// The address and port of `address.socket_address`.
fn socket(value: &Value) -> Option<(String, u16)> {
    let socket = dig(value, &["address", "socket_address"])?;
    let port = get(socket, "port_value")?.as_u64()?;
    Some((text(socket, "address")?, u16::try_from(port).ok()?))
}

impl Listener {
    /// The socket, where the address is not a name.
    pub fn socket(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address.parse().ok()?, self.port))
    }
}
