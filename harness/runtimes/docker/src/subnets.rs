//! Which addresses the networks of runs have.
//!
//! Each mesh has a network, and each network 256 addresses of a range that is known from the start, so that every pod's
//! address is known before anything runs. Docker itself gives a container an address of its choice, and of about thirty
//! networks at a time.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bollard::Docker;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use ipnet::Ipv4Net;
use meshkat_runtime::RuntimeError;
use meshkat_runtime::run::LeaseId;

use crate::daemon::{failed, message};
use crate::labels;

/// The variable that names another range.
pub const SUBNETS: &str = "MESHKAT_DOCKER_SUBNETS";

/// The range that is used by default. Docker's own are 172.17.0.0/12 and 192.168.0.0/16.
const DEFAULT: Subnets = Subnets(Ipv4Net::new_assert(Ipv4Addr::new(10, 213, 0, 0), 16));

/// How many bits of an address a network's addresses share.
const NETWORK: u8 = 24;

/// A range of addresses, from which each network takes 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnets(Ipv4Net);

impl Subnets {
    /// The range that the environment names, or the default one.
    ///
    /// # Errors
    /// It names none.
    pub fn from_environment() -> Result<Self, RuntimeError> {
        match std::env::var(SUBNETS) {
            Ok(text) if !text.is_empty() => Self::parse(&text).ok_or_else(|| {
                RuntimeError::other(format!("{SUBNETS} is `{text}`, which is no range of IPv4 addresses")).with_help(
                    format!("write its first address and its length, 8 to {NETWORK}: {}", DEFAULT.0),
                )
            }),
            _ => Ok(DEFAULT),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let range: Ipv4Net = text.parse().ok()?;
        let is_range = (8..=NETWORK).contains(&range.prefix_len()) && range == range.trunc();
        is_range.then_some(Self(range))
    }

    /// All networks of it, from one of them on.
    fn networks(self, start: usize) -> impl Iterator<Item = Ipv4Net> {
        let all: Vec<Ipv4Net> = self.0.subnets(NETWORK).into_iter().flatten().collect();
        let count = all.len();
        all.into_iter().cycle().skip(start % count.max(1)).take(count)
    }

    /// Makes the network of a run with addresses that no other network has.
    ///
    /// # Errors
    /// All are taken, or the daemon makes no network.
    pub(crate) async fn create(
        self,
        docker: &Docker,
        run: &LeaseId,
        labels: HashMap<String, String>,
    ) -> Result<Ipv4Net, RuntimeError> {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        // An odd multiplier spreads neighbouring process numbers, so that runs side by side seldom meet.
        let spread = (std::process::id().wrapping_mul(0x9E37_79B1) >> 8) as usize;
        let start = spread.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let routes = routes();
        let mut count = 0;
        for subnet in self.networks(start) {
            count += 1;
            if routes.iter().any(|route| overlap(route, &subnet)) {
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
                "no addresses are free for a network: all {count} of {} are taken",
                self.0
            )).with_help(format!(
                "remove what ended runs left (`meshkat clean`) and unused networks (`docker network prune`), or name another \
                 range: {SUBNETS}=10.214.0.0/16"
            )))
    }
}

/// Whether a route is for some of the addresses of a network; one to everything is only the way out.
fn overlap(route: &Ipv4Net, subnet: &Ipv4Net) -> bool {
    route.prefix_len() > 0 && (route.contains(subnet) || subnet.contains(route))
}

/// The routes of this machine: addresses that a company's network already uses are no good for another. Where they cannot be
/// read, none.
fn routes() -> Vec<Ipv4Net> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    table.lines().skip(1).filter_map(parse_route).collect()
}

/// `eth0 0010A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0`: the second field is the address and the eighth the mask, both with
/// their bytes the other way round.
fn parse_route(line: &str) -> Option<Ipv4Net> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let address = |text: &str| Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.swap_bytes()));
    let first = address(fields.next()?)?;
    Ipv4Net::with_netmask(first, address(fields.nth(5)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_into_networks() {
        let networks = |range, start| -> Vec<String> {
            let subnets = Subnets::parse(range).expect("it is a range");
            subnets.networks(start).map(|network| network.to_string()).collect()
        };
        let from_the_third = ["10.20.2.0/24", "10.20.3.0/24", "10.20.0.0/24", "10.20.1.0/24"];
        assert_eq!(networks("10.20.0.0/22", 2), from_the_third);
        assert_eq!(networks("10.20.0.0/22", 6), from_the_third);
        assert_eq!(networks("10.20.7.0/24", 1), ["10.20.7.0/24"]);
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
        let is_for = |route, subnet: &str| overlap(&route, &subnet.parse().expect("it is a network"));
        let lan = route("eth0 0010A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0");
        assert!(is_for(lan, "192.168.16.0/24"));
        assert!(!is_for(lan, "192.168.17.0/24"));
        let vpn = route("tun0 0000000A 00000000 0001 0 0 0 000000FF 0 0 0");
        assert!(is_for(vpn, "10.213.4.0/24"));
        let host = route("tun0 0804D50A 00000000 0005 0 0 0 FFFFFFFF 0 0 0");
        assert!(is_for(host, "10.213.4.0/24"));
        assert!(!is_for(host, "10.213.5.0/24"));
        let default = route("eth0 00000000 0110A8C0 0003 0 0 0 00000000 0 0 0");
        assert!(!is_for(default, "10.213.4.0/24"));
    }
}
