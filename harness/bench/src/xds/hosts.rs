//! What is registered, so made that a change can be found in the bytes of a response.

use std::net::{IpAddr, Ipv4Addr};

use meshkat_discovery::{Host, Service};

/// The address that the first host of a service has since this change: as text, it is part of no other. Ten thousand can be
/// told apart.
pub(super) fn marker(change: u32) -> String {
    marked(change).to_string()
}

fn marked(change: u32) -> IpAddr {
    let part = |number: u32| (100 + number % 100) as u8;
    Ipv4Addr::new(10, 200, part(change / 100), part(change)).into()
}

/// A service of so many hosts, the first of them with the marker of a change.
pub(super) fn service(change: u32, hosts: u32) -> Service {
    let address = |index: u32| match index {
        0 => marked(change),
        _ => Ipv4Addr::from(0x0a64_0000 + index).into(),
    };
    (0..hosts)
        .map(|index| Host::new((address(index), 10_000).into()))
        .collect()
}

/// The names of so many services.
pub(super) fn names(count: u32) -> Vec<String> {
    (0..count).map(|index| format!("service-{index:05}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_marker_is_part_of_another() {
        let all: std::collections::BTreeSet<_> = (0..10_000).map(marker).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|marker| marker.len() == "10.200.100.100".len()));
        assert_eq!(service(7, 3).hosts[0].ip_address.to_string(), marker(7));
    }
}
