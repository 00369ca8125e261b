//! Which ports a configuration has, and where they are in a pod.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_model::mesh::{PodPorts, Port};
use serde_yaml::Value;

use super::{
    Bootstrap, DocPath,
    address::is_local,
    number::port,
    value::{dig, get, items, text},
};

/// Below it only root may listen, where the machine does not say otherwise.
const PRIVILEGED: u16 = 1024;
/// How far above its place such a port is.
const ABOVE: u16 = 10_000;

/// A socket that a listener stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) port: u16,
    pub(super) is_udp: bool,
    /// Whether only its own pod reaches it, by what is written.
    pub(super) is_local: bool,
}

/// The socket at `owner.address`, which has one.
pub(super) fn socket_of(owner: &Value) -> Option<Socket> {
    let socket = dig(owner, &["address", "socket_address"])?;
    Some(Socket {
        port: port(get(socket, "port_value")?)?,
        is_udp: text(socket, "protocol").is_some_and(|protocol| protocol == "UDP"),
        is_local: text(socket, "address").is_some_and(|address| is_local(&address)),
    })
}

/// What has an address of a listener, with its place: the listener itself, and its additional addresses.
pub(super) fn owners<'a>(listener: &'a Value, path: &DocPath) -> Vec<(DocPath, &'a Value)> {
    let more = path.field("additional_addresses");
    let additional = items(listener, "additional_addresses").iter().enumerate();
    std::iter::once((path.clone(), listener))
        .chain(additional.map(|(index, owner)| (more.item(index), owner)))
        .collect()
}

impl Bootstrap {
    /// Where the ports of a pod with this configuration are. Ports stay, but for those that a pod cannot have: in a network that
    /// it shares (`shares`) those below 1024, which are 10000 higher, and a port 0 that nobody would know of. Beside an
    /// application the admin interface leaves its ports to it: `applications`, of which the first is where it is reached; none is that
    /// there is no application.
    ///
    /// A pod is reached at port 10000; where no listener is there, at the first that is not for its own application.
    pub fn ports(&self, shares: bool, applications: &[u16]) -> PodPorts {
        let values = self.listener_values();
        let owners = values.iter().flat_map(|listener| {
            let more = items(listener, "additional_addresses").iter();
            std::iter::once(listener).chain(more)
        });
        let sockets: Vec<Socket> = owners.filter_map(socket_of).collect();
        let mut taken: BTreeSet<u16> = sockets.iter().map(|socket| socket.port).collect();
        taken.extend(applications);
        let mut moved = BTreeMap::new();
        let free = |wanted: u16, taken: &mut BTreeSet<u16>| {
            let found = (wanted..=u16::MAX).find(|port| !taken.contains(port)).unwrap_or(wanted);
            taken.insert(found);
            found
        };
        let admin = self.admin_port().filter(|port| *port != 0);
        taken.extend(admin);
        for socket in &sockets {
            let low = shares && (1..PRIVILEGED).contains(&socket.port);
            if low && !moved.contains_key(&socket.port) {
                moved.insert(socket.port, free(socket.port + ABOVE, &mut taken));
            }
        }
        let admin = match admin {
            Some(port) if shares && port < PRIVILEGED => {
                let to = free(port + ABOVE, &mut taken);
                moved.insert(port, to);
                to
            }
            // Whoever asks for that port means the application.
            Some(port) if applications.contains(&port) => free(Port::Admin.number(), &mut taken),
            Some(port) => port,
            None => free(Port::Admin.number(), &mut taken),
        };
        let (inbound, outbound) = (Port::Inbound.number(), Port::Outbound.number());
        let has = |port: u16| sockets.iter().any(|socket| socket.port == port && !socket.is_udp);
        let candidates = || sockets.iter().filter(|socket| socket.port != outbound);
        let first = candidates()
            .find(|socket| !socket.is_udp && !socket.is_local)
            .or_else(|| candidates().find(|socket| !socket.is_udp))
            .or_else(|| candidates().next());
        let inbound = match first {
            Some(first) if !has(inbound) => match first.port {
                // Where the kernel would choose, everybody has to know.
                0 => {
                    let to = free(inbound, &mut taken);
                    moved.insert(0, to);
                    to
                }
                port => moved.get(&port).copied().unwrap_or(port),
            },
            _ => inbound,
        };
        PodPorts {
            inbound,
            outbound,
            admin,
            application: applications.first().copied().unwrap_or(Port::Application.number()),
            moved,
        }
    }

    /// The port of the admin interface as it is written.
    pub(super) fn admin_port(&self) -> Option<u16> {
        Some(socket_of(get(self.document(), "admin")?)?.port)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn ports(listeners: &[&str], admin: &str, shares: bool, application: bool) -> PodPorts {
        let listeners: Vec<String> = listeners
            .iter()
            .map(|socket| format!("{{address: {{socket_address: {{{socket}}}}}}}"))
            .collect();
        let text = format!(
            "{{admin: {admin}, static_resources: {{listeners: [{}]}}}}",
            listeners.join(", ")
        );
        let config = Bootstrap::parse(Path::new("x.yaml"), &text).unwrap();
        config.ports(shares, if application { &[8080] } else { &[] })
    }

    fn admin(port: u16) -> String {
        format!("{{address: {{socket_address: {{address: 0.0.0.0, port_value: {port}}}}}}}")
    }

    #[test]
    fn ports_are_kept() {
        let usual = [
            "address: 0.0.0.0, port_value: 10000",
            "address: 0.0.0.0, port_value: 9900",
        ];
        assert_eq!(ports(&usual, &admin(8081), true, true), PodPorts::default());
        let other = [
            "address: 127.0.0.1, port_value: 9001",
            "address: '::', port_value: '8000'",
        ];
        let other = ports(&other, &admin(9901), true, false);
        assert_eq!((other.inbound, other.admin, other.moved.len()), (8000, 9901, 0));
    }

    #[test]
    fn what_cannot_be_kept_is_moved() {
        let low = ports(&["address: 0.0.0.0, port_value: 80"], &admin(8080), true, true);
        assert_eq!((low.inbound, low.admin), (10_080, 8081));
        assert_eq!((low.real(80), low.real(8080), low.real(7)), (10_080, 8080, 7));
        let own = ports(&["address: 0.0.0.0, port_value: 80"], &admin(8080), false, false);
        assert_eq!((own.inbound, own.admin, own.moved.len()), (80, 8080, 0));
        let any = ports(&["address: 0.0.0.0, port_value: 0"], &admin(0), false, false);
        assert_eq!((any.inbound, any.admin), (10_000, 8081));
        let none = ports(&["address: 0.0.0.0, port_value: 8081"], "{}", false, false);
        assert_eq!((none.inbound, none.admin), (8081, 8082));
    }

    #[test]
    fn a_pod_is_reached_where_others_are_meant_to() {
        let two = [
            "address: 127.0.0.1, port_value: 1500",
            "address: 0.0.0.0, port_value: 1600",
        ];
        assert_eq!(ports(&two, &admin(1), false, false).inbound, 1600);
        let udp = [
            "address: 0.0.0.0, port_value: 443, protocol: UDP",
            "address: 0.0.0.0, port_value: 444",
        ];
        assert_eq!(ports(&udp, &admin(8081), false, false).inbound, 444);
        assert_eq!(ports(&udp[..1], &admin(8081), false, false).inbound, 443);
        let outbound = ["address: 0.0.0.0, port_value: 9900"];
        assert_eq!(ports(&outbound, &admin(8081), false, false).inbound, 10_000);
    }
}
