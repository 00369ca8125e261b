//! Questions about a configuration.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde_yaml::Value;

use super::{
    Bootstrap, DocPath,
    address::is_local,
    files::{Beside, Kind, each_file},
    naming::takes_the_first,
    number,
    path::walk,
    resources,
    value::{dig, get, items, text},
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

/// An endpoint that a configuration finds by a host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEndpoint {
    /// The name of its cluster.
    pub cluster: String,
    /// The host's name.
    pub host: String,
    /// The port, as it is written; none where that is no port, and of a further address of an endpoint.
    pub port: Option<u16>,
    /// Whether the port is one of UDP.
    pub is_udp: bool,
    /// Whether the cluster takes the first address that the name has, and not all.
    pub first_alone: bool,
    /// The file that it stands in: the configuration's, or one of resources.
    pub file: PathBuf,
    /// Where the name stands there.
    pub path: DocPath,
}

/// Which hosts of endpoints are asked for.
type Hosts = fn(&str) -> bool;

fn is_name(host: &str) -> bool {
    !host.is_empty() && !is_local(host) && host.parse::<IpAddr>().is_err()
}

fn named_of(cluster: &Value, file: &Path, path: &DocPath, hosts: Hosts, found: &mut Vec<NamedEndpoint>) {
    if let Some(assignment) = get(cluster, "load_assignment") {
        let name = text(cluster, "name").unwrap_or_default();
        let of = (name.as_str(), takes_the_first(cluster));
        named_in(assignment, file, &path.field("load_assignment"), (&of, hosts), found);
    }
}

fn named_in(
    assignment: &Value,
    file: &Path,
    path: &DocPath,
    (of, hosts): (&(&str, bool), Hosts),
    found: &mut Vec<NamedEndpoint>,
) {
    walk(assignment, path, &mut |path, value| {
        let Some(socket) = get(value, "socket_address") else {
            return;
        };
        let Some(host) = text(socket, "address") else { return };
        if !hosts(&host) {
            return;
        }
        found.push(NamedEndpoint {
            cluster: of.0.to_owned(),
            host,
            port: get(socket, "port_value")
                .and_then(number::port)
                .filter(|_| path.to_string().ends_with(".endpoint.address")),
            is_udp: text(socket, "protocol").is_some_and(|protocol| protocol == "UDP"),
            first_alone: of.1,
            file: file.to_owned(),
            path: path.field("socket_address").field("address"),
        });
    });
}

impl Bootstrap {
    /// The listeners that have a socket address, those of the file in its order, and then those of the files of resources that
    /// it names.
    pub fn listeners(&self) -> Vec<Listener> {
        let read = |listener: &Value| {
            let (address, port) = socket(listener)?;
            Some(Listener {
                name: text(listener, "name").unwrap_or_default(),
                address,
                port,
            })
        };
        self.listener_values().iter().filter_map(read).collect()
    }

    pub(super) fn listener_values(&self) -> Vec<Value> {
        let mut found = Vec::new();
        self.each_listener(&mut |_, _, listener| found.push(listener.clone()));
        found
    }

    /// Calls `visit` for each listener, with the file and the place in it: first those of the configuration itself.
    pub(super) fn each_listener(&self, visit: &mut impl FnMut(&Path, &DocPath, &Value)) {
        let own = get(self.document(), "static_resources").map_or(&[][..], |resources| items(resources, "listeners"));
        let path = DocPath::root().field("static_resources").field("listeners");
        for (index, listener) in own.iter().enumerate() {
            visit(self.file(), &path.item(index), listener);
        }
        self.each_resource(&mut |file, path, resource| {
            if resources::kind(resource) == Some("Listener") {
                visit(file, path, resource);
            }
        });
    }

    /// The resources of a kind in files that the configuration names; what cannot be read is left out.
    pub(crate) fn resources_of(&self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        self.each_resource(&mut |_, _, resource| {
            if resources::kind(resource) == Some(kind) {
                found.push(resource.clone());
            }
        });
        found
    }

    /// Calls `visit` for each resource in files that the configuration names, with the file and the place in it.
    pub(super) fn each_resource(&self, visit: &mut impl FnMut(&Path, &DocPath, &Value)) {
        let Ok(beside) = Beside::of(self.file()) else { return };
        let mut open = vec![self.document().clone()];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(mut document) = open.pop() {
            let mut files = Vec::new();
            let _: Result<(), ()> = each_file(&mut document, &mut |_, kind, named| {
                if kind == Kind::Resources {
                    files.extend(beside.find(named).ok().flatten());
                }
                Ok(())
            });
            for file in files {
                if !seen.insert(file.clone()) {
                    continue;
                }
                let Ok(document) = resources::read(&file) else { continue };
                for (index, resource) in resources::of(&document).iter().enumerate() {
                    visit(&file, &DocPath::root().field("resources").item(index), resource);
                }
                open.push(document);
            }
        }
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

    /// The clusters whose endpoints come from the discovery service, in the order of the file. Those whose endpoints are in a
    /// file of their own are none.
    pub fn eds_clusters(&self) -> Vec<EdsCluster> {
        let all = self
            .cluster_values()
            .iter()
            .cloned()
            .chain(self.resources_of("Cluster"));
        all.filter_map(|value| {
            let value = &value;
            let eds = get(value, "eds_cluster_config")?;
            let config = get(eds, "eds_config");
            if config.is_some_and(|config| {
                ["path", "path_config_source"]
                    .iter()
                    .any(|of| get(config, of).is_some())
            }) {
                return None;
            }
            let cluster = text(value, "name")?;
            let service = text(eds, "service_name").unwrap_or_else(|| cluster.clone());
            Some(EdsCluster { cluster, service })
        })
        .collect()
    }

    /// The endpoints that are found by a name, with the names.
    pub fn named_endpoints(&self) -> Vec<NamedEndpoint> {
        self.endpoints(is_name)
    }

    /// All endpoints that are written, by whatever they are found: a name, an address, the local host.
    pub fn all_endpoints(&self) -> Vec<NamedEndpoint> {
        self.endpoints(|_| true)
    }

    /// The static clusters to which it speaks TLS.
    pub fn clusters_with_tls(&self) -> Vec<String> {
        let with_tls = |cluster: &&Value| get(cluster, "transport_socket").is_some();
        let clusters = self.cluster_values().iter().filter(with_tls);
        clusters.filter_map(|cluster| text(cluster, "name")).collect()
    }

    /// The names of the files that it names, as they are written, each with where it is beside the configuration; none for one that is
    /// not there.
    pub fn named_files(&self) -> Vec<(String, Option<PathBuf>)> {
        let Ok(beside) = Beside::of(self.file()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let _: Result<(), ()> = each_file(&mut self.document().clone(), &mut |_, _, named| {
            found.push((named.clone(), beside.find(named).ok().flatten()));
            Ok(())
        });
        found
    }

    /// The endpoints that are in the pod itself, by what is written.
    pub(super) fn local_endpoints(&self) -> Vec<NamedEndpoint> {
        self.endpoints(is_local)
    }

    fn endpoints(&self, hosts: Hosts) -> Vec<NamedEndpoint> {
        let mut found = Vec::new();
        let path = DocPath::root().field("static_resources").field("clusters");
        for (index, cluster) in self.cluster_values().iter().enumerate() {
            named_of(cluster, self.file(), &path.item(index), hosts, &mut found);
        }
        self.each_resource(&mut |file, path, resource| match resources::kind(resource) {
            Some("Cluster") => named_of(resource, file, path, hosts, &mut found),
            Some("ClusterLoadAssignment") => named_in(resource, file, path, (&("", false), hosts), &mut found),
            _ => {}
        });
        found
    }

    pub(super) fn cluster_values(&self) -> &[Value] {
        get(self.document(), "static_resources").map_or(&[], |resources| items(resources, "clusters"))
    }
}

/// The address and port of `address.socket_address`.
fn socket(value: &Value) -> Option<(String, u16)> {
    let socket = dig(value, &["address", "socket_address"])?;
    Some((text(socket, "address")?, number::port(get(socket, "port_value")?)?))
}

impl Listener {
    /// The socket, where the address is not a name.
    pub fn socket(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address.parse().ok()?, self.port))
    }
}
