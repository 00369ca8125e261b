//! What is registered, so made that a change can be found in the bytes of a response.

use serde_json::json;

/// The address that the first host of a service has since this change: as text, it is part of no other. Ten thousand can be
/// told apart.
pub(super) fn marker(change: u32) -> String {
    format!("10.200.{}.{}", 100 + change / 100 % 100, 100 + change % 100)
}

/// The body that registers so many hosts, the first of them with the marker of a change.
pub(super) fn body(change: u32, hosts: u32) -> String {
    let address = |index: u32| match index {
        0 => marker(change),
        _ => format!("10.100.{}.{}", index >> 8, index & 255),
    };
    let hosts: Vec<_> = (0..hosts)
        .map(|index| json!({"ip_address": address(index), "port": 10_000}))
        .collect();
    json!({ "hosts": hosts }).to_string()
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
        assert!(body(7, 3).contains(&marker(7)));
    }
}
