//! Where a peer is: the interface that leads to it.

use std::net::{IpAddr, Ipv4Addr};

use netlink_bindings::rt_route::{Request, RtmType, Rtmsg};

use super::{
    error::NetError,
    kernel::{Kernel, Refusal},
    unreachable,
};

/// A route, as far as it says where somebody is.
#[derive(Debug, Clone, Copy)]
struct Route {
    local: bool,
    length: u8,
    network: Ipv4Addr,
    kind: u8,
    /// None when it leads to several, or nowhere.
    interface: Option<i32>,
    /// Whether it leads to the peer itself, not to a gateway.
    direct: bool,
}

impl Route {
    fn covers(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
        (address.to_bits() ^ self.network.to_bits()) & mask == 0
    }
}

/// The routes of this namespace, but for those that [`unreachable`] made: they say where somebody may not be reached.
#[derive(Debug)]
pub(crate) struct Routes(Vec<Route>);

impl Routes {
    /// Reads them.
    pub(crate) fn read(kernel: &mut Kernel) -> Result<Self, Refusal> {
        let header = Rtmsg {
            rtm_family: libc::AF_INET as u8,
            ..Rtmsg::default()
        };
        let routes = kernel.list(&Request::new().op_getroute_dump(&header), |(header, attributes)| {
            if header.rtm_protocol == unreachable::MARK {
                return None;
            }
            let network = match attributes.get_dst() {
                Ok(IpAddr::V4(network)) => network,
                Ok(IpAddr::V6(_)) => return None,
                Err(_) => Ipv4Addr::UNSPECIFIED,
            };
            Some(Route {
                local: header.rtm_table == libc::RT_TABLE_LOCAL,
                length: header.rtm_dst_len,
                network,
                kind: header.rtm_type,
                interface: attributes.get_oif().ok().and_then(|index| i32::try_from(index).ok()),
                direct: attributes.get_gateway().is_err() && attributes.get_via().is_err(),
            })
        })?;
        Ok(Self(routes))
    }

    /// The index of the interface behind which `address` is, directly.
    ///
    /// # Errors
    /// [`NetError::Input`]: it is this pod's own address, behind a gateway, or nowhere.
    pub(crate) fn interface_to(&self, address: Ipv4Addr) -> Result<i32, NetError> {
        // As the kernel chooses: its own addresses first, then the longest prefix.
        let route = self
            .0
            .iter()
            .filter(|route| route.covers(address))
            .max_by_key(|route| (route.local, route.length));
        let wrong = |why: &str| Err(NetError::Input(format!("failed to fault {address}: {why}")));
        let Some(route) = route else {
            return wrong("there is no route to it");
        };
        if route.local {
            return wrong("it is no other pod's address");
        }
        match route.interface {
            Some(interface) if route.direct && route.kind == RtmType::Unicast as u8 => Ok(interface),
            _ => wrong("it is not on a network of this pod, but behind a gateway"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(network: [u8; 4], length: u8) -> Route {
        Route {
            local: false,
            length,
            network: network.into(),
            kind: RtmType::Unicast as u8,
            interface: Some(i32::from(length)),
            direct: true,
        }
    }

    #[test]
    fn the_longest_prefix_leads_there() {
        let gateway = Route {
            direct: false,
            ..route([0, 0, 0, 0], 0)
        };
        let own = Route {
            local: true,
            ..route([10, 0, 0, 2], 32)
        };
        let routes = Routes(vec![gateway, route([10, 0, 0, 0], 8), route([10, 0, 0, 0], 24), own]);
        let to = |address: [u8; 4]| routes.interface_to(address.into());
        assert_eq!(to([10, 0, 0, 3]).unwrap(), 24);
        assert_eq!(to([10, 0, 1, 3]).unwrap(), 8);
        assert!(to([10, 0, 0, 2]).unwrap_err().to_string().contains("no other pod's"));
        assert!(to([192, 0, 2, 1]).unwrap_err().to_string().contains("behind a gateway"));
        assert!(Routes(vec![]).interface_to([10, 0, 0, 2].into()).is_err());
    }
}
