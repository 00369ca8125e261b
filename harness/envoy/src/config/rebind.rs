//! A configuration as it lies in its file is for a pod that has a network of its own. Rebinding gives it to one pod of many:
//! with its name and the addresses of the others, and, where it shares the machine's network, at its loopback address there.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use meshkat_model::{certificates, mesh::PodPorts};
use serde_yaml::{Mapping, Value};

use super::{
    Bootstrap, ConfigError, DocPath, Hosts,
    address::{is_any, is_local},
    files::{Beside, Kind, each_file, located},
    logs,
    naming::{Naming, naming},
    number::port,
    ports::socket_of,
    resources,
    value::{child, get, get_mut, remove, set, text},
};

/// The pod that a configuration is rebound to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebind {
    /// The pod's address in a network that it shares: what the Envoy listens on, where it finds its application, and where
    /// its connections come from. None is a pod with a network of its own, where addresses stay as they are in the file, but
    /// for those that nobody else would reach.
    pub address: Option<IpAddr>,
    /// The pod's name, which becomes the node's id.
    pub node_id: String,
    /// The pod's group, which is the node's cluster where the file names none.
    pub group: String,
    /// The hosts that the file may know by name, such as `sds`.
    pub hosts: Hosts,
    /// Where the pod's ports are: [`Bootstrap::ports`].
    pub ports: PodPorts,
    /// The folder in which Envoy will find [`Rebound::files`]. Where there is none, a name means for ever whom it means now, and
    /// files of resources stay as they are.
    pub folder: Option<PathBuf>,
    /// The folder in which Envoy will find [`Rebound::carried`]; none is that it reads them where they are.
    pub carried: Option<PathBuf>,
    /// The folder in which Envoy will find the certificates that were made for the run; none where the mesh has none.
    pub certificates: Option<PathBuf>,
}

/// A configuration that was given to a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebound {
    /// The configuration itself.
    pub config: Bootstrap,
    /// What goes into [`Rebind::folder`]: texts by the names of their files. Envoy looks at a file again when another is moved
    /// to its place.
    pub files: BTreeMap<String, String>,
    /// What goes into [`Rebind::carried`]: files and folders of the project, by the names that they have there.
    pub carried: BTreeMap<String, PathBuf>,
}

/// What only a cluster that asks a name server has.
const DNS_FIELDS: [&str; 10] = [
    "cluster_type",
    "dns_lookup_family",
    "dns_refresh_rate",
    "dns_failure_refresh_rate",
    "dns_jitter",
    "dns_resolvers",
    "dns_resolution_config",
    "typed_dns_resolver_config",
    "respect_dns_ttl",
    "use_tcp_for_dns_lookups",
];

/// How deeply files of resources may name one another.
const DEEPEST: usize = 8;

impl Bootstrap {
    /// This configuration for one pod, as [`Bootstrap::rebind_with_files`] does it.
    ///
    /// # Errors
    /// As of that.
    pub fn rebind(&self, rebind: &Rebind) -> Result<Self, ConfigError> {
        self.rebind_with_files(rebind).map(|rebound| rebound.config)
    }

    /// This configuration for one pod. What a pod needs and the file has not, is added: a node, an admin interface. The node has
    /// the pod's name. Endpoints that are found by a name are found at the addresses that it means, and keep the name; a cluster
    /// that needs no name server any more becomes `STATIC` or, where a name may mean others later, `EDS` by a file that is
    /// written again then. Files of resources are given to the pod likewise. Access logs go where the pod's log is.
    ///
    /// In a network that the pod shares, every listener and the admin interface stand at the pod's address and refuse to
    /// share it; endpoints at the local host are at the pod's address; and every connection of this Envoy comes from there.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] with the place in the document: a part that is of another kind, a listener at an address of
    /// its own, or a host that nobody in the mesh has the name of. [`ConfigError`] of a file of resources.
    pub fn rebind_with_files(&self, rebind: &Rebind) -> Result<Rebound, ConfigError> {
        let mut config = self.clone();
        let mut pod = Pod {
            file: self.file().to_owned(),
            rebind,
            files: BTreeMap::new(),
            carried: BTreeMap::new(),
            depth: 0,
        };
        let document = config.document_mut();
        pod.node(document)?;
        pod.admin(document)?;
        let resources = DocPath::root().field("static_resources");
        if let Some(statics) = get_mut(document, "static_resources") {
            pod.each(statics, "listeners", &resources, Pod::listener)?;
            pod.each(statics, "clusters", &resources, Pod::cluster)?;
        }
        pod.source(document)?;
        pod.rest(document)?;
        let (files, carried) = (pod.files, pod.carried);
        Ok(Rebound { config, files, carried })
    }
}

struct Pod<'a> {
    /// The file that is changed now.
    file: PathBuf,
    rebind: &'a Rebind,
    files: BTreeMap<String, String>,
    carried: BTreeMap<String, PathBuf>,
    depth: usize,
}

/// An address, and the port there where it is another one.
type Place = (String, Option<u16>);

impl Pod<'_> {
    fn wrong(&self, path: &DocPath, message: impl Into<String>) -> ConfigError {
        ConfigError::unexpected(&self.file, path, message)
    }

    fn node(&self, document: &mut Value) -> Result<(), ConfigError> {
        let path = DocPath::root().field("node");
        let node = child(document, "node").ok_or_else(|| self.wrong(&path, "is a mapping"))?;
        set(node, "id", self.rebind.node_id.as_str());
        if text(node, "cluster").is_none_or(|cluster| cluster.is_empty()) {
            let group = match self.rebind.group.as_str() {
                "" => &self.rebind.node_id,
                group => group,
            };
            set(node, "cluster", group);
        }
        Ok(())
    }

    /// The admin interface is always at a socket that the harness reaches.
    fn admin(&self, document: &mut Value) -> Result<(), ConfigError> {
        let path = DocPath::root().field("admin");
        let admin = child(document, "admin").ok_or_else(|| self.wrong(&path, "is a mapping"))?;
        let written = get(admin, "address").and_then(|address| get(address, "socket_address"));
        if let Some(address) = written.and_then(|socket| text(socket, "address")) {
            self.check_own(&address, &path.field("address").field("socket_address"))?;
        }
        let mut socket = Mapping::new();
        socket.insert("address".into(), self.own_or_any().into());
        socket.insert("port_value".into(), self.rebind.ports.admin.into());
        let mut address = Mapping::new();
        address.insert("socket_address".into(), Value::Mapping(socket));
        set(admin, "address", Value::Mapping(address));
        // Its requests are the harness's own: in the pod's log they would be taken for those of the mesh.
        remove(admin, "access_log");
        Ok(())
    }

    fn own_or_any(&self) -> String {
        let own = self.rebind.address.map(|address| address.to_string());
        own.unwrap_or_else(|| "0.0.0.0".to_owned())
    }

    fn each(
        &mut self,
        parent: &mut Value,
        name: &str,
        path: &DocPath,
        change: fn(&mut Self, &mut Value, &DocPath) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        let path = path.field(name);
        match get_mut(parent, name) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Sequence(items)) => items
                .iter_mut()
                .enumerate()
                .try_for_each(|(index, item)| change(self, item, &path.item(index))),
            Some(_) => Err(self.wrong(&path, "is a list")),
        }
    }

    fn listener(&mut self, listener: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        // One that other listeners of the same Envoy hand connections to has no socket, and a pipe has no address.
        let is_other = |name: &str| get(listener, name).is_some();
        let is_pipe = get(listener, "address").is_some_and(|address| get(address, "pipe").is_some());
        if is_other("internal_listener") || is_other("api_listener") || is_pipe {
            return Ok(());
        }
        self.own_address(listener, path)?;
        self.each(listener, "additional_addresses", path, Self::own_address)?;
        // What was an IPv6 address beside an IPv4 one is the same now.
        let first = socket_of(listener);
        if let Some(Value::Sequence(more)) = get_mut(listener, "additional_addresses") {
            let mut seen: Vec<_> = first.into_iter().collect();
            more.retain(|other| match socket_of(other) {
                Some(socket) if seen.contains(&socket) => false,
                Some(socket) => {
                    seen.push(socket);
                    true
                }
                None => true,
            });
        }
        if self.rebind.address.is_some() {
            // With it, a second Envoy at the same address would start too and take half of the connections.
            set(listener, "enable_reuse_port", false);
        }
        Ok(())
    }

    /// Puts the `address.socket_address` of `owner` at the pod.
    fn own_address(&mut self, owner: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        let path = path.field("address").field("socket_address");
        let socket = get_mut(owner, "address")
            .and_then(|address| get_mut(address, "socket_address"))
            .ok_or_else(|| self.wrong(&path, "missing: a listener of a pod has a socket address"))?;
        let address = self.address_of(socket, &path)?;
        self.check_own(&address, &path)?;
        set(socket, "address", self.own_or_any());
        // Pods have IPv4 addresses.
        remove(socket, "ipv4_compat");
        if let Some(written) = get(socket, "port_value").and_then(port) {
            let real = self.rebind.ports.real(written);
            if real != written {
                set(socket, "port_value", real);
            }
        }
        Ok(())
    }

    fn check_own(&self, address: &str, path: &DocPath) -> Result<(), ConfigError> {
        let own = self.rebind.address.is_some_and(|own| own.to_string() == address);
        if is_any(address) || is_local(address) || (own && self.depth > 0) {
            return Ok(());
        }
        let message = format!("`{address}`: a listener stands at 0.0.0.0, so that it can be given its pod's address");
        Err(self.wrong(&path.field("address"), message))
    }

    fn cluster(&mut self, cluster: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        let naming = naming(cluster);
        let name = text(cluster, "name").unwrap_or_default();
        let assignment_path = path.field("load_assignment");
        let Some(assignment) = get_mut(cluster, "load_assignment") else {
            return Ok(());
        };
        let changes = self.assignment(assignment, &assignment_path, naming)?;
        if naming == Naming::None || self.rebind.hosts.are_kept() {
            return Ok(());
        }
        for field in DNS_FIELDS {
            remove(cluster, field);
        }
        let Some(folder) = self.rebind.folder.as_ref().filter(|_| changes) else {
            set(cluster, "type", "STATIC");
            return Ok(());
        };
        let Some(mut assignment) = remove(cluster, "load_assignment") else {
            return Ok(());
        };
        set(&mut assignment, "cluster_name", name.as_str());
        let file = format!("endpoints-{}-{}.json", self.files.len(), in_a_file_name(&name));
        let source = folder.join(&file);
        let text = resources::of_one("envoy.config.endpoint.v3.ClusterLoadAssignment", assignment);
        self.files.insert(file, self.json(&text)?);
        set(cluster, "type", "EDS");
        let mut config = Value::Mapping(Mapping::new());
        if let Some(eds) = child(&mut config, "eds_config") {
            set(eds, "resource_api_version", "V3");
            if let Some(path) = child(eds, "path_config_source") {
                set(path, "path", source.to_string_lossy().into_owned());
            }
        }
        set(cluster, "eds_cluster_config", config);
        Ok(())
    }

    fn json(&self, value: &Value) -> Result<String, ConfigError> {
        serde_json::to_string_pretty(value).map_err(|error| ConfigError::NotWritable {
            file: self.file.clone(),
            message: error.to_string(),
        })
    }

    /// Puts the endpoints of a `ClusterLoadAssignment` where they are, and tells whether they may be others later.
    fn assignment(&self, assignment: &mut Value, path: &DocPath, naming: Naming) -> Result<bool, ConfigError> {
        let mut changes = false;
        let Some(Value::Sequence(localities)) = get_mut(assignment, "endpoints") else {
            return Ok(false);
        };
        for (index, locality) in localities.iter_mut().enumerate() {
            let path = path.field("endpoints").item(index).field("lb_endpoints");
            let Some(Value::Sequence(endpoints)) = get_mut(locality, "lb_endpoints") else {
                continue;
            };
            let mut found = Vec::with_capacity(endpoints.len());
            for (index, endpoint) in std::mem::take(endpoints).into_iter().enumerate() {
                let (all, may_change) = self.endpoint(endpoint, &path.item(index), naming)?;
                found.extend(all);
                changes |= may_change;
            }
            *endpoints = found;
        }
        Ok(changes)
    }

    /// The endpoints that one is, and whether they may be others later.
    fn endpoint(
        &self,
        mut lb_endpoint: Value,
        path: &DocPath,
        naming: Naming,
    ) -> Result<(Vec<Value>, bool), ConfigError> {
        let path = path.field("endpoint");
        let Some(endpoint) = get_mut(&mut lb_endpoint, "endpoint") else {
            return Ok((vec![lb_endpoint], false));
        };
        self.additional(endpoint, &path)?;
        let at = path.field("address").field("socket_address");
        let socket = get(endpoint, "address").and_then(|address| get(address, "socket_address"));
        let Some(socket) = socket else {
            return Ok((vec![lb_endpoint], false));
        };
        let host = self.address_of(socket, &at)?;
        let (places, changes) = self.places(socket, &host, &at)?;
        if naming != Naming::None && text(endpoint, "hostname").is_none_or(|name| name.is_empty()) {
            set(endpoint, "hostname", host.as_str());
        }
        let most = if naming == Naming::Strict { usize::MAX } else { 1 };
        let put = |(address, port): &(String, Option<u16>)| {
            let mut one = lb_endpoint.clone();
            let socket = get_mut(&mut one, "endpoint")
                .and_then(|endpoint| get_mut(endpoint, "address"))
                .and_then(|address| get_mut(address, "socket_address"));
            if let Some(socket) = socket {
                set(socket, "address", address.as_str());
                remove(socket, "ipv4_compat");
                if let Some(port) = port {
                    set(socket, "port_value", *port);
                }
            }
            one
        };
        Ok((places.iter().take(most).map(put).collect(), changes))
    }

    /// Where a host is: its addresses, each with another port where it has moved; and whether they may be others later.
    fn places(&self, socket: &Value, host: &str, path: &DocPath) -> Result<(Vec<Place>, bool), ConfigError> {
        let written = get(socket, "port_value").and_then(port);
        let moved = |ports: &dyn Fn(u16) -> u16| written.map(ports).filter(|real| Some(*real) != written);
        if is_local(host) {
            let own = self.rebind.address.map(|own| own.to_string());
            let own = own.unwrap_or_else(|| "127.0.0.1".to_owned());
            return Ok((vec![(own, moved(&|port| self.rebind.ports.real(port)))], false));
        }
        if let Some(found) = self.rebind.hosts.find(host) {
            let port = moved(&|port| found.port(port));
            if self.rebind.hosts.are_kept() {
                return Ok((vec![(host.to_owned(), port)], false));
            }
            let all = found.addresses.iter().map(|address| (address.to_string(), port));
            return Ok((all.collect(), found.changes));
        }
        if host.parse::<IpAddr>().is_ok() {
            return Ok((vec![(host.to_owned(), None)], false));
        }
        let message = format!(
            "nobody in this mesh is called `{host}`; known are: {}",
            self.rebind.hosts.names().join(", ")
        );
        Err(self.wrong(&path.field("address"), message))
    }

    /// Further addresses of an endpoint, and the one for health checks: one address each.
    fn additional(&self, endpoint: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        let more = path.field("additional_addresses");
        let mut owners: Vec<(DocPath, &mut Value)> = Vec::new();
        let Some(fields) = endpoint.as_mapping_mut() else {
            return Ok(());
        };
        for (name, value) in fields.iter_mut() {
            match (name.as_str(), value) {
                (Some("additional_addresses" | "additionalAddresses"), Value::Sequence(items)) => {
                    let items = items.iter_mut().enumerate();
                    owners.extend(items.map(|(index, item)| (more.item(index), item)));
                }
                (Some("health_check_config" | "healthCheckConfig"), value) => {
                    owners.push((path.field("health_check_config"), value));
                }
                _ => {}
            }
        }
        for (path, owner) in owners {
            let path = path.field("address").field("socket_address");
            let Some(socket) = get_mut(owner, "address").and_then(|address| get_mut(address, "socket_address")) else {
                continue;
            };
            let host = self.address_of(socket, &path)?;
            let (places, _) = self.places(socket, &host, &path)?;
            if let Some((address, port)) = places.into_iter().next() {
                set(socket, "address", address);
                if let Some(port) = port {
                    set(socket, "port_value", port);
                }
            }
        }
        Ok(())
    }

    fn source(&self, document: &mut Value) -> Result<(), ConfigError> {
        let Some(own) = self.rebind.address else { return Ok(()) };
        let mut path = DocPath::root();
        let mut value = document;
        for name in ["cluster_manager", "upstream_bind_config", "source_address"] {
            path = path.field(name);
            value = child(value, name).ok_or_else(|| self.wrong(&path, "is a mapping"))?;
        }
        set(value, "address", own.to_string());
        set(value, "port_value", 0);
        Ok(())
    }

    fn address_of(&self, socket: &Value, path: &DocPath) -> Result<String, ConfigError> {
        get(socket, "address")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| self.wrong(&path.field("address"), "missing: a socket address has an address"))
    }

    /// What stands anywhere in a document: access logs, and files.
    fn rest(&mut self, document: &mut Value) -> Result<(), ConfigError> {
        logs::to_standard_output(document);
        if self.rebind.folder.is_none() && self.rebind.carried.is_none() {
            return Ok(());
        }
        let beside = self.beside()?;
        each_file(document, &mut |path, kind, named| {
            // What was made for this pod is in its place already.
            if self
                .rebind
                .folder
                .as_ref()
                .is_some_and(|folder| Path::new(named).starts_with(folder))
            {
                return Ok(());
            }
            if let (Some(folder), Some(made)) = (&self.rebind.certificates, certificates::file(named)) {
                *named = folder.join(made).to_string_lossy().into_owned();
                return Ok(());
            }
            let Some(found) = located(&beside, &self.file, path, named)?.map(PathBuf::from) else {
                return Ok(());
            };
            if kind == Kind::Resources
                && let Some(folder) = &self.rebind.folder
            {
                let name = self.resources(path, &found)?;
                *named = folder.join(name).to_string_lossy().into_owned();
            } else if let Some(folder) = &self.rebind.carried {
                let name = found.file_name().unwrap_or_default().to_string_lossy();
                let known = self.carried.iter().find(|(_, file)| **file == found);
                let name = match known {
                    Some((name, _)) => name.clone(),
                    None => format!("{}-{}", self.carried.len(), in_a_file_name(&name)),
                };
                *named = folder.join(&name).to_string_lossy().into_owned();
                self.carried.insert(name, found);
            } else {
                *named = found.to_string_lossy().into_owned();
            }
            Ok(())
        })
    }

    fn beside(&self) -> Result<Beside, ConfigError> {
        Beside::of(&self.file).map_err(|source| ConfigError::Read {
            file: self.file.clone(),
            source,
        })
    }

    /// Gives a file of resources to the pod; the name that it has then.
    fn resources(&mut self, path: &DocPath, file: &Path) -> Result<String, ConfigError> {
        if self.depth >= DEEPEST {
            return Err(self.wrong(path, "files of resources name one another without an end"));
        }
        let mut document = resources::read(file)?;
        let outer = std::mem::replace(&mut self.file, file.to_owned());
        self.depth += 1;
        let changed = self.resources_of(&mut document);
        let text = changed.and_then(|()| self.json(&document));
        self.depth -= 1;
        self.file = outer;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("resources-{}-{}.json", self.files.len(), in_a_file_name(&stem));
        self.files.insert(name.clone(), text?);
        Ok(name)
    }

    fn resources_of(&mut self, document: &mut Value) -> Result<(), ConfigError> {
        let path = DocPath::root().field("resources");
        if let Some(Value::Sequence(all)) = get_mut(document, "resources") {
            for (index, resource) in all.iter_mut().enumerate() {
                let path = path.item(index);
                match resources::kind(resource) {
                    Some("Listener") => self.listener(resource, &path)?,
                    Some("Cluster") => self.cluster(resource, &path)?,
                    // Envoy takes no names here, so that they never mean others later.
                    Some("ClusterLoadAssignment") => {
                        self.assignment(resource, &path, Naming::None)?;
                    }
                    _ => {}
                }
            }
        }
        self.rest(document)
    }
}

/// A name as a part of a file's.
fn in_a_file_name(name: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    name.chars()
        .take(60)
        .map(|letter| if safe(letter) { letter } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebound(text: &str) -> Bootstrap {
        let config = Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
        config.rebind(&Rebind::default()).unwrap()
    }

    #[test]
    fn the_admin_interface_logs_nothing() {
        let log = "{name: x, typed_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers";
        for field in [
            format!("access_log: [{log}.file.v3.FileAccessLog, path: admin.log}}}}]"),
            format!("accessLog: [{log}.stream.v3.StdoutAccessLog}}}}]"),
            "access_log_path: admin.log".to_owned(),
        ] {
            let written = rebound(&format!("admin: {{{field}}}")).to_json().unwrap();
            assert!(
                !written.contains("AccessLog") && !written.contains("admin.log"),
                "{written}"
            );
        }
    }

    #[test]
    fn addresses_that_become_the_same_are_one() {
        let config = rebound(
            "static_resources: {listeners: [{address: {socket_address: {address: 0.0.0.0, port_value: 8000}}, additionalAddresses: [
             {address: {socketAddress: {address: '::', portValue: '8000'}}},
             {address: {socket_address: {address: '::', port_value: 8000, protocol: TCP}}},
             {address: {socket_address: {address: '::', port_value: 8001}}}]}]}",
        );
        let listener = &config.listener_values()[0];
        let ports: Vec<u16> = super::super::value::items(listener, "additional_addresses")
            .iter()
            .filter_map(|more| Some(super::super::ports::socket_of(more)?.port))
            .collect();
        assert_eq!(ports, [8001]);
    }
}
