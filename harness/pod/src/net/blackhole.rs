//! What is sent vanishes: the neighbour table says that the peer is where nobody is.
//!
//! Packets leave for a link-layer address that no interface has, so they are lost on the bridge, those of established
//! connections as well. Nobody is told, and nothing but the neighbour table is needed, which every kernel has.

use std::net::{IpAddr, Ipv4Addr};

use netlink_bindings::rt_neigh::{Ndmsg, NudState, Request};

use super::kernel::{Kernel, Refusal};

/// An address that nobody has: unicast, administered locally. It is also how our entries are told from others.
const NOBODY: [u8; 6] = [0x02, 0x00, 0x00, 0x00, 0xde, 0xad];

/// A peer that is not reached, behind the interface of this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlackHole {
    pub(crate) interface: i32,
    pub(crate) address: Ipv4Addr,
}

impl BlackHole {
    fn header(self) -> Ndmsg {
        Ndmsg {
            ndm_family: libc::AF_INET as u8,
            ndm_ifindex: self.interface,
            // Permanent: no answer to an ARP request changes it.
            ndm_state: NudState::Permanent as u16,
            ..Ndmsg::default()
        }
    }

    /// Opens it, for established connections too.
    pub(crate) fn open(self, kernel: &mut Kernel) -> Result<(), Refusal> {
        let mut request = Request::new().set_change().op_newneigh_do(&self.header());
        request.encode().push_dst(self.address.into()).push_lladdr(&NOBODY);
        kernel.order(&request)
    }

    /// Closes it: the next packet asks anew where the peer is. One that is closed already is no error.
    pub(crate) fn close(self, kernel: &mut Kernel) -> Result<(), Refusal> {
        let mut request = Request::new().op_delneigh_do(&self.header());
        request.encode().push_dst(self.address.into());
        match kernel.order(&request) {
            Err(refusal) if refusal.is(libc::ENOENT) => Ok(()),
            outcome => outcome,
        }
    }
}

/// Those that are open, in order.
pub(crate) fn open_ones(kernel: &mut Kernel) -> Result<Vec<BlackHole>, Refusal> {
    let header = Ndmsg {
        ndm_family: libc::AF_INET as u8,
        ..Ndmsg::default()
    };
    let mut open = kernel.list(&Request::new().op_getneigh_dump(&header), |(header, attributes)| {
        let ours = header.ndm_state & NudState::Permanent as u16 != 0 && attributes.get_lladdr().ok()? == NOBODY;
        match attributes.get_dst().ok()? {
            IpAddr::V4(address) if ours => Some(BlackHole {
                interface: header.ndm_ifindex,
                address,
            }),
            _ => None,
        }
    })?;
    open.sort_unstable();
    Ok(open)
}
