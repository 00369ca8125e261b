//! Refusing peers: by nf_tables where the kernel has them, else by routes.

use std::net::Ipv4Addr;

use super::{
    kernel::{Kernel, Refusal},
    netfilter, sockets, unreachable,
};

/// How new connections are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// With a reset: "connection refused".
    Reset,
    /// With a route that leads nowhere: "no route to host".
    Route,
}

/// Refuses exactly these peers.
pub(crate) fn replace(kernel: &mut Kernel, peers: &[Ipv4Addr], netfilter: bool) -> Result<How, Refusal> {
    let by_netfilter = match netfilter {
        true => netfilter::replace(kernel, netfilter::TABLE, peers).map(|()| true),
        false => Ok(false),
    };
    let how = match by_netfilter {
        Ok(true) => How::Reset,
        Ok(false) => How::Route,
        Err(refusal) if refusal.is_unsupported() => How::Route,
        Err(refusal) => return Err(refusal),
    };
    if how == How::Route {
        // Once the route is there, the other side cannot be told any more. Whether it worked is for who breaks what is left.
        let _ = sockets::break_all(kernel, peers);
    }
    // Routes also go when tables do it now.
    unreachable::replace(kernel, if how == How::Route { peers } else { &[] })?;
    Ok(how)
}

/// The peers that are refused, either way, in order.
pub(crate) fn peers_of(kernel: &mut Kernel) -> Result<Vec<Ipv4Addr>, Refusal> {
    let mut peers = unreachable::peers_of(kernel)?;
    match netfilter::peers_of(kernel, netfilter::TABLE) {
        Ok(more) => peers.extend(more),
        Err(refusal) if refusal.is_unsupported() => {}
        Err(refusal) => return Err(refusal),
    }
    peers.sort_unstable();
    Ok(peers)
}
