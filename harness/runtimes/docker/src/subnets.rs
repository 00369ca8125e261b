//! Which addresses the networks of runs have.
//!
//! Each mesh has a network, and each network 256 addresses of a range that is known from the start, so that every pod's
//! address is known before anything runs. Docker itself gives a container an address of its choice, and of about thirty
//! networks at a time.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use bollard::Docker;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use meshkat_runtime::RuntimeError;
use meshkat_runtime::run::LeaseId;

use crate::daemon::{failed, message};
use crate::labels;

/// The variable that names another range.
pub const SUBNETS: &str = "MESHKAT_DOCKER_SUBNETS";

/// The range that is used by default. Docker's own are 172.17.0.0/12 and 192.168.0.0/16.
const DEFAULT: Subnets = Subnets {
    first: Ipv4Addr::new(10, 213, 0, 0),
    length: 16,
};

/// How many bits of an address a network's addresses share.
const NETWORK: u8 = 24;

/// A range of addresses, from which each network takes 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnets {
    first: Ipv4Addr,
    length: u8,
}

/// The addresses of one network: those that begin with these three bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet(pub(crate) [u8; 3]);

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a}.{b}.{c}.0/{NETWORK}")
    }
}

impl Subnets {
    /// The range that the environment names, or the default one.
    ///
    /// # Errors
    /// It names none.
    pub fn from_environment() -> Result<Self, RuntimeError> {
        match std::env::var(SUBNETS) {
            Ok(text) if !text.is_empty() => Self::parse(&text).ok_or_else(|| {
                RuntimeError::other(format!("{SUBNETS} is `{text}`, which is no range of IPv4 addresses")).with_help(
                    format!("write its first address and its length, 8 to {NETWORK}: {DEFAULT}"),
                )
            }),
            _ => Ok(DEFAULT),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, length) = text.split_once('/')?;
        let (first, length): (Ipv4Addr, u8) = (first.parse().ok()?, length.parse().ok()?);
        let is_range = (8..=NETWORK).contains(&length) && first.to_bits() << length == 0;
        is_range.then_some(Self { first, length })
    }

    fn count(self) -> u32 {
        1 << (NETWORK - self.length)
    }

    fn nth(self, index: u32) -> Subnet {
        let [a, b, c, _] = (self.first.to_bits() + ((index % self.count()) << 8)).to_be_bytes();
        Subnet([a, b, c])
    }

    /// Makes the network of a run with addresses that no other network has.
    ///
    /// # Errors
    /// All are taken, or the daemon makes no network.
    pub(crate) async fn create(
        self,
        docker: &Docker,
        run: &LeaseId,
        labels: std::collections::HashMap<String, String>,
    ) -> Result<Subnet, RuntimeError> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        // An odd multiplier spreads neighbouring process numbers, so that runs side by side seldom meet.
        let start =
            (std::process::id().wrapping_mul(0x9E37_79B1) >> 8).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let routes = routes();
        for step in 0..self.count() {
            let subnet = self.nth(start.wrapping_add(step));
            if routes.iter().any(|route| route.holds(subnet)) {
                continue;
            }
            let request = NetworkCreateRequest {
                name: labels::network(run),
                driver: Some("bridge".to_owned()),
                ipam: Some(Ipam {
                    config: Some(vec![IpamConfig {
                        subnet: Some(subnet.to_string()),
                        ..Default::default()
                    }]),
                    ..Default::default()
                }),
                labels: Some(labels.clone()),
                ..Default::default()
            };
            match docker.create_network(request).await {
                Ok(_) => return Ok(subnet),
                Err(error) if message(&error).contains("overlaps") => {}
                Err(error) => return Err(failed("make a network")(error)),
            }
        }
        Err(RuntimeError::other(format!(
                "no addresses are free for a network: all {} of {self} are taken",
                self.count()
            )).with_help(format!(
                "remove what ended runs left (`meshkat clean`) and unused networks (`docker network prune`), or name another \
                 range: {SUBNETS}=10.214.0.0/16"
            )))
    }
}

impl fmt::Display for Subnets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

/// A route of this machine: the addresses that it is for.
#[derive(Debug, Clone, Copy)]
struct Route {
    first: u32,
    mask: u32,
}

impl Route {
    fn holds(self, Subnet([a, b, c]): Subnet) -> bool {
        let first = u32::from_be_bytes([a, b, c, 0]);
        // A route to fewer addresses than a network has lies within it; one to everything is the way out.
        let mask = self.mask & 0xffff_ff00;
        mask != 0 && first & mask == self.first & mask
    }
}

/// The routes of this machine: addresses that a company's network already uses are no good for another. Where they cannot be
/// read, none.
fn routes() -> Vec<Route> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    table.lines().skip(1).filter_map(parse_route).collect()
}

/// `eth0 0010A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0`: the second field is the address and the eighth the mask, both with
/// their bytes the other way round.
fn parse_route(line: &str) -> Option<Route> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
    let first = number(fields.next()?)?;
    let mask = number(fields.nth(5)?)?;
    Some(Route { first, mask })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_into_networks() {
        let subnets = Subnets::parse("10.20.0.0/22").expect("it is a range");
        let all: Vec<String> = (0..5).map(|index| subnets.nth(index).to_string()).collect();
        assert_eq!(
            all,
            [
                "10.20.0.0/24",
                "10.20.1.0/24",
                "10.20.2.0/24",
                "10.20.3.0/24",
                "10.20.0.0/24"
            ]
        );
        assert_eq!(Subnets::parse("10.20.7.0/24").map(Subnets::count), Some(1));
        for wrong in [
            "",
            "10.20.0.0",
            "10.20.0.1/22",
            "10.20.0.0/25",
            "0.0.0.0/0",
            "10.20.0/16",
            "::1/16",
        ] {
            assert_eq!(Subnets::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_that_the_machine_has_a_route_to_are_not_used() {
        let route = |line| parse_route(line).expect("it is a route");
        let lan = route("eth0 0010A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0");
        assert!(lan.holds(Subnet([192, 168, 16])));
        assert!(!lan.holds(Subnet([192, 168, 17])));
        let vpn = route("tun0 0000000A 00000000 0001 0 0 0 000000FF 0 0 0");
        assert!(vpn.holds(Subnet([10, 213, 4])));
        let host = route("tun0 0804D50A 00000000 0005 0 0 0 FFFFFFFF 0 0 0");
        assert!(host.holds(Subnet([10, 213, 4])));
        assert!(!host.holds(Subnet([10, 213, 5])));
        let default = route("eth0 00000000 0110A8C0 0003 0 0 0 00000000 0 0 0");
        assert!(!default.holds(Subnet([10, 213, 4])));
    }
}
