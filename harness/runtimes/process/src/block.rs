//! Blocks of loopback addresses: one for each mesh, kept apart by the kernel.
//!
//! A mesh takes `127.A.B.0/24`, A from 64 to 126, and each of its pods an address in it, so that every pod has the same
//! four ports and no port is ever guessed. Linux answers on all of 127.0.0.0/8. macOS answers on 127.0.0.1 alone until
//! the other addresses are added by hand (`sudo ifconfig lo0 alias 127.64.0.1 up`, and so on).
//!
//! Who has a block holds a UDP socket bound to its last address. Every process of the mesh inherits that socket, so the
//! kernel frees the block at the moment when the last of them is gone, however they ended: not before, not later.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

use meshkat_model::mesh::{PodPorts, Port};
use meshkat_runtime::RuntimeError;
use meshkat_runtime::pods::Addresses;

/// The UDP port of the socket that holds a block. Below the ports that a kernel gives out by itself.
pub const LOCK_PORT: u16 = 10099;

const FIRST: u8 = 64;
const LAST: u8 = 126;
const BLOCKS: u32 = (LAST as u32 - FIRST as u32 + 1) * 256;

/// The address on which ports are tried out, and the one of the lock; what is below them is for pods.
const TRIAL: u8 = 254;
const LOCK: u8 = 255;

/// A block of addresses that nobody else uses while its socket, or a copy of it in a child, is open.
#[derive(Debug)]
pub(crate) struct Block {
    prefix: [u8; 3],
    socket: UdpSocket,
}

impl Block {
    /// Takes a free block. The search begins at a place that differs from process to process and from call to call, so
    /// that meshes side by side seldom meet, and an address is not used again soon after it was given back.
    pub(crate) fn take() -> Result<Self, RuntimeError> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let count = TAKEN.fetch_add(1, Ordering::Relaxed);
        // An odd multiplier spreads neighbouring process numbers over all blocks.
        let start = std::process::id().wrapping_mul(0x9E37_79B1) >> 8;
        Self::take_from(start.wrapping_add(count))
    }

    fn take_from(start: u32) -> Result<Self, RuntimeError> {
        for step in 0..BLOCKS {
            if let Some(block) = Self::try_take(start.wrapping_add(step) % BLOCKS)? {
                return Ok(block);
            }
        }
        let message = format!("no block of loopback addresses is free: all {BLOCKS} are taken");
        Err(RuntimeError::other(message).with_help(format!(
            "end other runs (`meshkat status`, `meshkat clean`), or what holds UDP port {LOCK_PORT} on every address"
        )))
    }

    fn try_take(index: u32) -> Result<Option<Self>, RuntimeError> {
        let [.., high, low] = index.to_be_bytes();
        let prefix = [127, FIRST + high, low];
        let address = in_block(prefix, LOCK);
        // The standard library sets no SO_REUSEADDR on UDP sockets: a second bind fails.
        match UdpSocket::bind((address, LOCK_PORT)) {
            Ok(socket) => Ok(Some(Self { prefix, socket })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(bind_error(address, error)),
        }
    }

    /// Fails when something already listens on all addresses at a port that pods of these ports need.
    pub(crate) fn check_ports<'a>(&self, pods: impl IntoIterator<Item = &'a PodPorts>) -> Result<(), RuntimeError> {
        let address = in_block(self.prefix, TRIAL);
        let needed: BTreeSet<u16> = pods
            .into_iter()
            .flat_map(|ports| Port::ALL.map(|port| ports.number(port)))
            .collect();
        for port in needed {
            match TcpListener::bind((address, port)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(taken(port));
                }
                Err(error) => return Err(bind_error(address, error)),
            }
        }
        Ok(())
    }

    /// The socket that children inherit.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// The addresses of this block, all free.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::new(self.prefix, 1, TRIAL - 1)
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/24", in_block(self.prefix, 0))
    }
}

fn in_block([a, b, c]: [u8; 3], last_byte: u8) -> IpAddr {
    Ipv4Addr::new(a, b, c, last_byte).into()
}

fn taken(port: u16) -> RuntimeError {
    RuntimeError::other(format!("port {port} is taken on every loopback address")).with_help(format!(
        "something listens on 0.0.0.0:{port}; find it with `ss -ltnp 'sport = :{port}'` (macOS: `lsof -nP -iTCP:{port} \
         -sTCP:LISTEN`) and stop it, or bind it to 127.0.0.1"
    ))
}

fn bind_error(address: IpAddr, source: io::Error) -> RuntimeError {
    match source.kind() {
        io::ErrorKind::AddrNotAvailable => {
            RuntimeError::other(format!("this machine has no loopback address {address}")).with_help(format!(
                "macOS has only 127.0.0.1 by default; add the address: sudo ifconfig lo0 alias {address} up"
            ))
        }
        _ => RuntimeError::caused(format!("failed to bind {address}"), source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_side_by_side_differ() {
        let blocks: Vec<_> = (0..20).map(|_| Block::take().expect("there are free blocks")).collect();
        let prefixes: BTreeSet<_> = blocks.iter().map(|block| block.prefix).collect();
        assert_eq!(prefixes.len(), blocks.len());
    }

    #[test]
    fn a_taken_block_is_passed_over_and_a_freed_one_found() {
        // Far from where other tests look, and other for each process that runs this one.
        let start = std::process::id().wrapping_mul(0x9E37_79B1) >> 8 ^ 0x2000;
        let first = Block::take_from(start).expect("there are free blocks");
        let second = Block::take_from(start).expect("there are free blocks");
        assert_ne!(first.prefix, second.prefix);
        let freed = first.prefix;
        drop(first);
        let third = Block::take_from(start).expect("there are free blocks");
        assert_eq!(third.prefix, freed);
    }

    #[test]
    fn a_listener_on_all_addresses_is_told() {
        let block = Block::take().expect("there are free blocks");
        let usual = [PodPorts::default()];
        block.check_ports(&usual).expect("the ports are free");
        let address = in_block(block.prefix, TRIAL);
        let _listener = TcpListener::bind((address, Port::Admin.number())).expect("the port is free");
        let error = block.check_ports(&usual).expect_err("the port is taken");
        assert_eq!(error.to_string(), "port 8081 is taken on every loopback address");
        let elsewhere = PodPorts {
            admin: 9901,
            ..PodPorts::default()
        };
        block.check_ports(&[elsewhere]).expect("nobody needs the port");
    }
}
