//! What an address means.

use std::net::IpAddr;

/// Whether an address stands for every address of the machine.
pub(super) fn is_any(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Whether an address is the pod's own, seen from inside. The rest of 127.0.0.0/8 belongs to other pods.
pub(super) fn is_local(address: &str) -> bool {
    address == "localhost" || address == "127.0.0.1" || address == "::1"
}
