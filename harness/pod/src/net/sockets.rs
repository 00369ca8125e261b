//! Breaking the connections that are there (`SOCK_DESTROY`): this side gets an error at once, the other a reset.

use std::net::{Ipv4Addr, Ipv6Addr};

use netlink_bindings::{
    inet_diag::{ReqV2, Request, Sockid},
    traits::{NetlinkRequest, Protocol},
};

use super::kernel::{Kernel, Refusal};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// All of them are gone.
    All,
    /// The kernel cannot do it (CONFIG_INET_DIAG, CONFIG_INET_DIAG_DESTROY).
    CannotBeDone,
}

const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSED: u8 = 7;
const LISTENING: u8 = 10;

/// Breaks all TCP connections of this namespace with `peers`, those that are being made as well. Sockets of both families:
/// an IPv6 socket that speaks to an IPv4 peer is one of theirs.
///
/// # Errors
/// None when the kernel merely cannot.
pub(crate) fn break_all(kernel: &mut Kernel, peers: &[Ipv4Addr]) -> Result<Broken, Refusal> {
    for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
        let connections = match connections(kernel, family, peers) {
            Ok(connections) => connections,
            Err(refusal) if refusal.is_unsupported() => {
                // A kernel without IPv6 has no such sockets.
                if family == libc::AF_INET as u8 {
                    return Ok(Broken::CannotBeDone);
                }
                continue;
            }
            Err(refusal) => return Err(refusal),
        };
        for connection in connections {
            match kernel.order(&Destroy(request(family, u32::MAX, connection))) {
                Err(refusal) if refusal.is(libc::EOPNOTSUPP) => return Ok(Broken::CannotBeDone),
                // It ended by itself.
                Err(refusal) if refusal.is(libc::ENOENT) => {}
                outcome => outcome?,
            }
        }
    }
    Ok(Broken::All)
}

/// The connections with `peers` of one family of sockets.
fn connections(kernel: &mut Kernel, family: u8, peers: &[Ipv4Addr]) -> Result<Vec<Sockid>, Refusal> {
    let states = !(1 << TIME_WAIT | 1 << CLOSED | 1 << LISTENING);
    let header = request(family, states, Sockid::default());
    kernel.list(&Request::new().op_tcp_diag_dump(&header), |(socket, _)| {
        // What waits for its peer's last word, and no process holds it any more: it is nobody's connection.
        let left_over = socket.state == FIN_WAIT_2 && socket.inode == 0;
        let peer = peer_of(family, &socket.sockid)?;
        (!left_over && peers.contains(&peer)).then_some(socket.sockid)
    })
}

fn peer_of(family: u8, socket: &Sockid) -> Option<Ipv4Addr> {
    if family == libc::AF_INET as u8 {
        let [a, b, c, d, ..] = socket.dst;
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    Ipv6Addr::from(socket.dst).to_ipv4_mapped()
}

fn request(family: u8, states: u32, sockid: Sockid) -> ReqV2 {
    ReqV2 {
        family,
        protocol: libc::IPPROTO_TCP as u8,
        states,
        sockid,
        ..ReqV2::default()
    }
}

/// The request to break one connection, which is the one that asks for it, under another number.
struct Destroy(ReqV2);

impl NetlinkRequest for Destroy {
    type ReplyType<'buf> = ();

    fn protocol(&self) -> Protocol {
        Protocol::Raw {
            protonum: libc::NETLINK_SOCK_DIAG as u16,
            // `SOCK_DESTROY` of linux/sock_diag.h.
            request_type: 21,
        }
    }

    fn flags(&self) -> u16 {
        0
    }

    fn payload(&self) -> &[u8] {
        self.0.as_slice()
    }

    fn decode_reply(_: &[u8]) -> Self::ReplyType<'_> {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_socket_may_speak_to_an_ipv4_peer() {
        let to = |dst: Ipv6Addr| Sockid {
            dst: dst.octets(),
            ..Sockid::default()
        };
        let peer = Ipv4Addr::new(172, 30, 0, 5);
        let six = libc::AF_INET6 as u8;
        assert_eq!(peer_of(six, &to(peer.to_ipv6_mapped())), Some(peer));
        assert_eq!(peer_of(six, &to(peer.to_ipv6_compatible())), None);
        assert_eq!(peer_of(six, &to(Ipv6Addr::LOCALHOST)), None);
        let mut four = Sockid::default();
        four.dst[..4].copy_from_slice(&peer.octets());
        assert_eq!(peer_of(libc::AF_INET as u8, &four), Some(peer));
    }
}
