//! Refusal on a kernel without nf_tables: a route that says that the peer is unreachable.
//!
//! `connect` fails at once, with "no route to host". Established connections are not told: [`super::sockets`] does that.

use std::net::{IpAddr, Ipv4Addr};

use netlink_bindings::rt_route::{Request, RtmType, Rtmsg};

use super::kernel::{Kernel, Refusal};

/// The number of the program that made a route (`ip route` shows it as `proto 109`), of those that nobody has registered.
pub(crate) const MARK: u8 = 109;

fn header() -> Rtmsg {
    Rtmsg {
        rtm_family: libc::AF_INET as u8,
        rtm_dst_len: 32,
        rtm_table: libc::RT_TABLE_MAIN,
        rtm_protocol: MARK,
        rtm_type: RtmType::Unreachable as u8,
        ..Rtmsg::default()
    }
}

/// Makes exactly these peers unreachable.
pub(crate) fn replace(kernel: &mut Kernel, peers: &[Ipv4Addr]) -> Result<(), Refusal> {
    let before = peers_of(kernel)?;
    for peer in peers.iter().filter(|peer| !before.contains(peer)) {
        add(kernel, *peer)?;
    }
    for peer in before.iter().filter(|peer| !peers.contains(peer)) {
        remove(kernel, *peer)?;
    }
    Ok(())
}

/// Adds a route and removes it.
pub(crate) fn try_out(kernel: &mut Kernel, peer: Ipv4Addr) -> Result<(), Refusal> {
    add(kernel, peer)?;
    remove(kernel, peer)
}

fn add(kernel: &mut Kernel, peer: Ipv4Addr) -> Result<(), Refusal> {
    let mut request = Request::new().set_create().set_excl().op_newroute_do(&header());
    request.encode().push_dst(peer.into());
    kernel.order(&request)
}

/// One that is gone already is no error.
fn remove(kernel: &mut Kernel, peer: Ipv4Addr) -> Result<(), Refusal> {
    let mut request = Request::new().op_delroute_do(&header());
    request.encode().push_dst(peer.into());
    match kernel.order(&request) {
        Err(refusal) if refusal.is(libc::ESRCH) => Ok(()),
        outcome => outcome,
    }
}

/// The peers that are unreachable.
pub(crate) fn peers_of(kernel: &mut Kernel) -> Result<Vec<Ipv4Addr>, Refusal> {
    let wanted = Rtmsg {
        rtm_family: libc::AF_INET as u8,
        ..Rtmsg::default()
    };
    kernel.list(
        &Request::new().op_getroute_dump(&wanted),
        |(header, attributes)| match attributes.get_dst().ok()? {
            IpAddr::V4(peer) if header.rtm_protocol == MARK => Some(peer),
            _ => None,
        },
    )
}
