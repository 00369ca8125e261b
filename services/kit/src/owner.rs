//! Whose a connection is, on this machine.

use std::net::SocketAddr;

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This user's, or root's.
    Trusted,
    /// That of the user with this number.
    Other(u32),
    /// Of somebody on another machine, or who does as if.
    Elsewhere,
    /// The system does not tell.
    Unknown,
}

/// Asks the system whose the other end of a connection is. Blocks for less than a millisecond.
pub(crate) fn owner(peer: SocketAddr, local: SocketAddr) -> Owner {
    if !peer.ip().is_loopback() {
        return Owner::Elsewhere;
    }
    match system::user_of(peer, local) {
        Some(user) if system::is_trusted(user) => Owner::Trusted,
        Some(user) => Owner::Other(user),
        None => Owner::Unknown,
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::net::SocketAddr;

    pub(super) fn user_of(_: SocketAddr, _: SocketAddr) -> Option<u32> {
        None
    }

    pub(super) fn is_trusted(_: u32) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::{fs::File, io::BufRead as _, io::BufReader};

    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, netlink::SocketAddrNetlink, recv,
        sendto, socket_with,
    };
    use rustix::process::geteuid;

    /// Who somebody is whom this user namespace does not know: anybody.
    const NOBODY: u32 = 65_534;

    const LISTENING: u8 = 10;
    const HEADER: usize = 16;
    /// `struct inet_diag_sockid`: two ports, two addresses, an interface and a cookie.
    const SOCKET_ID: usize = 48;
    /// `struct inet_diag_req_v2` and `struct inet_diag_msg`.
    const QUESTION: usize = 8 + SOCKET_ID;
    const ANSWER: usize = 4 + SOCKET_ID + 20;
    /// `SOCK_DIAG_BY_FAMILY` of linux/sock_diag.h.
    const BY_FAMILY: u16 = 20;
    /// `NLM_F_REQUEST`, `NLMSG_ERROR` and `IPPROTO_TCP`.
    const REQUEST: u16 = 1;
    const ERROR: u16 = 2;
    const TCP: u8 = 6;

    pub(super) fn is_trusted(user: u32) -> bool {
        user == 0 || (user == geteuid().as_raw() && user != NOBODY)
    }

    /// The user of the socket that has one end of a connection, if a process has it. One that was closed has no user any
    /// more, and the kernel says root.
    pub(super) fn user_of(end: SocketAddr, other: SocketAddr) -> Option<u32> {
        match ask_kernel(end, other) {
            Ok(user) => user,
            // A kernel without `inet_diag` still lists its sockets.
            Err(_) => user_in_table(end, other),
        }
    }

    fn ask_kernel(end: SocketAddr, other: SocketAddr) -> io::Result<Option<u32>> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        let question = question(end, other);
        sendto(&socket, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut answer = [0_u8; 1024];
        // An answer to this is there when the question was sent.
        let (length, _) = recv(&socket, &mut answer, RecvFlags::DONTWAIT)?;
        let answer = &answer[..length.min(1024)];
        let unknown = || io::Error::other("an answer of another form");
        let kind = answer.get(4..6).ok_or_else(unknown)?;
        if kind == ERROR.to_ne_bytes() {
            let code = answer.get(HEADER..HEADER + 4).ok_or_else(unknown)?;
            let code = i32::from_ne_bytes(code.try_into().map_err(|_| unknown())?);
            let error = io::Error::from_raw_os_error(-code);
            return if error.kind() == io::ErrorKind::NotFound {
                Ok(None)
            } else {
                Err(error)
            };
        }
        let told = answer.get(HEADER..HEADER + ANSWER).ok_or_else(unknown)?;
        let number = |at: usize| {
            told.get(at..at + 4)
                .and_then(|bytes| Some(u32::from_ne_bytes(bytes.try_into().ok()?)))
        };
        let (user, inode) = number(4 + SOCKET_ID + 12)
            .zip(number(4 + SOCKET_ID + 16))
            .ok_or_else(unknown)?;
        // Where there is no such connection, the kernel tells of one that listens at the same port.
        let is_this = told[1] != LISTENING && told[4..8] == question[HEADER + 8..HEADER + 12];
        Ok((is_this && inode != 0).then_some(user))
    }

    /// One message, which asks for one socket.
    fn question(end: SocketAddr, other: SocketAddr) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + QUESTION);
        bytes.extend(((HEADER + QUESTION) as u32).to_ne_bytes());
        bytes.extend(BY_FAMILY.to_ne_bytes());
        bytes.extend(REQUEST.to_ne_bytes());
        bytes.extend([0; 8]);
        let family = if end.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        bytes.extend([family.as_raw() as u8, TCP, 0, 0]);
        bytes.extend(u32::MAX.to_ne_bytes());
        bytes.extend(end.port().to_be_bytes());
        bytes.extend(other.port().to_be_bytes());
        for address in [end.ip(), other.ip()] {
            let mut octets = [0; 16];
            match address {
                IpAddr::V4(address) => octets[..4].copy_from_slice(&address.octets()),
                IpAddr::V6(address) => octets = address.octets(),
            }
            bytes.extend(octets);
        }
        bytes.extend(0_u32.to_ne_bytes());
        // Whatever its cookie is.
        bytes.extend([0xff; 8]);
        bytes
    }

    fn user_in_table(end: SocketAddr, other: SocketAddr) -> Option<u32> {
        // A socket of IPv6 may speak IPv4.
        ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"]
            .into_iter()
            .find_map(|table| {
                let lines = BufReader::new(File::open(table).ok()?).lines();
                lines
                    .map_while(Result::ok)
                    .find_map(|line| user_in_line(&line, end, other))
            })
    }

    /// The user in a line of `/proc/net/tcp`, if it is that of the socket, and a process has it.
    fn user_in_line(line: &str, end: SocketAddr, other: SocketAddr) -> Option<u32> {
        let mut words = line.split_ascii_whitespace().skip(1);
        if address(words.next()?)? != end || address(words.next()?)? != other {
            return None;
        }
        let user = words.nth(4)?.parse().ok()?;
        let inode: u64 = words.nth(1)?.parse().ok()?;
        (inode != 0).then_some(user)
    }

    /// An address as that table has it: words of four bytes in the order of the machine, and the port.
    fn address(text: &str) -> Option<SocketAddr> {
        let (address, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let words: Option<Vec<[u8; 4]>> = (0..address.len() / 8)
            .map(|word| {
                Some(
                    u32::from_str_radix(address.get(word * 8..word * 8 + 8)?, 16)
                        .ok()?
                        .to_ne_bytes(),
                )
            })
            .collect();
        let ip = match words?.as_flattened() {
            four if four.len() == 4 => IpAddr::from(<[u8; 4]>::try_from(four).ok()?),
            sixteen => IpAddr::from(<[u8; 16]>::try_from(sixteen).ok()?).to_canonical(),
        };
        Some(SocketAddr::new(ip, port))
    }

    #[cfg(test)]
    mod tests {
        use std::net::{TcpListener, TcpStream};

        use super::*;

        /// Both ways to ask, which have to agree.
        fn both(end: SocketAddr, other: SocketAddr) -> Option<u32> {
            let asked = ask_kernel(end, other).unwrap();
            assert_eq!(user_in_table(end, other), asked);
            asked
        }

        #[test]
        fn both_ends_of_a_connection_are_this_users() {
            for (listen, connect) in [("127.0.0.1:0", None), ("[::1]:0", None), ("[::]:0", Some("127.0.0.1"))] {
                let listener = TcpListener::bind(listen).unwrap();
                let mut address = listener.local_addr().unwrap();
                if let Some(ip) = connect {
                    address.set_ip(ip.parse().unwrap());
                }
                let stream = TcpStream::connect(address).unwrap();
                let (accepted, _) = listener.accept().unwrap();
                let user = Some(geteuid().as_raw());
                let (peer, local) = (stream.local_addr().unwrap(), address);
                assert_eq!(both(peer, local), user, "{listen}");
                assert_eq!(both(local, peer), user, "{listen}");
                drop(accepted);
            }
        }

        #[test]
        fn a_socket_that_was_closed_is_nobodys_and_never_roots() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let stream = TcpStream::connect(address).unwrap();
            let peer = stream.local_addr().unwrap();
            let (accepted, _) = listener.accept().unwrap();
            // What was sent before it was closed is still to be read.
            drop(stream);
            assert_eq!(both(peer, address), None);
            drop(accepted);
            assert_eq!(both(peer, address), None);
        }

        #[test]
        fn one_that_listens_at_the_same_port_is_not_taken_for_it() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let end = listener.local_addr().unwrap();
            assert_eq!(both(end, "127.0.0.1:1".parse().unwrap()), None);
        }

        #[test]
        fn the_table_is_read_as_the_kernel_writes_it() {
            let (end, other) = ("127.0.0.1:43690".parse().unwrap(), "127.0.0.5:8080".parse().unwrap());
            let line = |inode: u32| {
                format!(
                    "   7: {:08X}:AAAA {:08X}:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0",
                    u32::from_ne_bytes([127, 0, 0, 1]),
                    u32::from_ne_bytes([127, 0, 0, 5])
                )
            };
            assert_eq!(user_in_line(&line(42), end, other), Some(1000));
            assert_eq!(user_in_line(&line(0), end, other), None);
            assert_eq!(user_in_line(&line(42), other, end), None);
            assert_eq!(user_in_line("  sl  local_address rem_address", end, other), None);
        }

        #[test]
        fn root_and_this_user_are_trusted_and_whom_nobody_knows_is_not() {
            assert!(is_trusted(0) && is_trusted(geteuid().as_raw()));
            assert!(!is_trusted(NOBODY) && !is_trusted(geteuid().as_raw() + 1));
        }
    }
}
