//! A configuration as it lies in its file is for a pod that has a network of its own. Rebinding gives it to one pod of many:
//! with its name and the addresses of the others, and, where it shares the machine's network, at its loopback address there.

use std::{collections::BTreeMap, net::IpAddr, path::Path};

use serde_yaml::Value;

use super::{
    Bootstrap, ConfigError, DocPath,
    value::{change_all, child, get, get_mut, remove, set},
};

/// The pod that a configuration is rebound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebind {
    /// The pod's address in a network that it shares: what the Envoy listens on, where it finds its application, and where
    /// its connections come from. None is a pod with a network of its own, where all of this stays as it is in the file.
    pub address: Option<IpAddr>,
    /// The pod's name, which becomes the node's id.
    pub node_id: String,
    /// The addresses of the hosts that the file knows by name, such as `sds`.
    pub hosts: BTreeMap<String, IpAddr>,
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

impl Bootstrap {
    /// This configuration for one pod. Ports stay. The node has the pod's name; named hosts become addresses, and a cluster
    /// that needs no name server any more becomes `STATIC`.
    ///
    /// In a network that the pod shares, every listener and the admin interface stand at the pod's address and refuse to
    /// share it; endpoints at the local host are at the pod's address; and every connection of this Envoy comes from there.
    ///
    /// # Errors
    /// [`ConfigError::Unexpected`] with the place in the document: a part that is missing, a listener at an address of its
    /// own, or a host that nobody in the mesh has the name of.
    pub fn rebind(&self, rebind: &Rebind) -> Result<Self, ConfigError> {
        let mut rebound = self.clone();
        let pod = Pod {
            file: self.file(),
            rebind,
        };
        let document = rebound.document_mut();
        pod.node(document)?;
        if rebind.address.is_some() {
            pod.admin(document)?;
        }
        let resources = DocPath::root().field("static_resources");
        if let Some(statics) = get_mut(document, "static_resources") {
            if rebind.address.is_some() {
                pod.each(statics, "listeners", &resources, Pod::listener)?;
            }
            pod.each(statics, "clusters", &resources, Pod::cluster)?;
        }
        pod.source(document)?;
        Ok(rebound)
    }
}

struct Pod<'a> {
    file: &'a Path,
    rebind: &'a Rebind,
}

impl Pod<'_> {
    fn wrong(&self, path: &DocPath, message: impl Into<String>) -> ConfigError {
        ConfigError::unexpected(self.file, path, message)
    }

    fn node(&self, document: &mut Value) -> Result<(), ConfigError> {
        let path = DocPath::root().field("node");
        match get_mut(document, "node") {
            Some(node) if node.is_mapping() => {
                set(node, "id", self.rebind.node_id.as_str());
                Ok(())
            }
            _ => Err(self.wrong(&path, "missing: a node has an id and a cluster")),
        }
    }

    fn admin(&self, document: &mut Value) -> Result<(), ConfigError> {
        let path = DocPath::root().field("admin");
        let admin =
            get_mut(document, "admin").ok_or_else(|| self.wrong(&path, "missing: there is no admin interface"))?;
        self.own_address(admin, &path)
    }

    fn each(
        &self,
        parent: &mut Value,
        name: &str,
        path: &DocPath,
        change: fn(&Self, &mut Value, &DocPath) -> Result<(), ConfigError>,
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

    fn listener(&self, listener: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        // One that other listeners of the same Envoy hand connections to has no socket.
        if get(listener, "internal_listener").is_some() || get(listener, "api_listener").is_some() {
            return Ok(());
        }
        self.own_address(listener, path)?;
        self.each(listener, "additional_addresses", path, Self::own_address)?;
        // With it, a second Envoy at the same address would start too and take half of the connections.
        set(listener, "enable_reuse_port", false);
        Ok(())
    }

    /// Puts the `address.socket_address` of `owner` at the pod.
    fn own_address(&self, owner: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        let path = path.field("address").field("socket_address");
        let socket = get_mut(owner, "address")
            .and_then(|address| get_mut(address, "socket_address"))
            .ok_or_else(|| self.wrong(&path, "missing: a listener of a pod has a socket address"))?;
        let address = self.address_of(socket, &path)?;
        if !(is_any(&address) || is_local(&address)) {
            let message =
                format!("`{address}`: a listener stands at 0.0.0.0, so that it can be given its pod's address");
            return Err(self.wrong(&path.field("address"), message));
        }
        if let Some(own) = self.rebind.address {
            set(socket, "address", own.to_string());
        }
        Ok(())
    }

    fn cluster(&self, cluster: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        let path = path.field("load_assignment");
        let Some(assignment) = get_mut(cluster, "load_assignment") else {
            return Ok(());
        };
        change_all(assignment, "socket_address", &path, &mut |path, socket| {
            self.endpoint(socket, path)
        })?;
        if asks_a_name_server(cluster) {
            for field in DNS_FIELDS {
                remove(cluster, field);
            }
            set(cluster, "type", "STATIC");
        }
        Ok(())
    }

    fn endpoint(&self, socket: &mut Value, path: &DocPath) -> Result<(), ConfigError> {
        let host = self.address_of(socket, path)?;
        let address = if is_local(&host) {
            match self.rebind.address {
                Some(own) => own,
                None => return Ok(()),
            }
        } else if let Some(address) = self.rebind.hosts.get(&host) {
            *address
        } else if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        } else {
            let known: Vec<&str> = self.rebind.hosts.keys().map(String::as_str).collect();
            let message = format!(
                "nobody in this mesh is called `{host}`; known are: {}",
                known.join(", ")
            );
            return Err(self.wrong(&path.field("address"), message));
        };
        set(socket, "address", address.to_string());
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
}

fn asks_a_name_server(cluster: &Value) -> bool {
    let kind = get(cluster, "type").and_then(Value::as_str);
    let extension = get(cluster, "cluster_type")
        .and_then(|custom| get(custom, "name"))
        .and_then(Value::as_str);
    matches!(kind, Some("STRICT_DNS" | "LOGICAL_DNS"))
        || matches!(
            extension,
            Some("envoy.cluster.strict_dns" | "envoy.cluster.logical_dns" | "envoy.clusters.dns")
        )
}

/// Whether an address stands for every address of the machine.
pub(super) fn is_any(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Whether an address is the pod's own, seen from inside. The rest of 127.0.0.0/8 belongs to other pods.
pub(super) fn is_local(address: &str) -> bool {
    address == "localhost" || address == "127.0.0.1" || address == "::1"
}
