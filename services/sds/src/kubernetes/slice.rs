//! An EndpointSlice as hosts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointSlice};

use super::names::ServiceKey;
use super::port::EnvoyPort;
use crate::host::{Health, Host, Hosts, Service, Tags};

/// The label that says which service a slice is part of.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The service that a slice is part of, and the hosts that it adds to it.
///
/// `None` if it is part of no service, or if it has names instead of addresses, which Envoy does not take here.
pub(super) fn read(slice: &EndpointSlice, port: &EnvoyPort) -> Option<(ServiceKey, Vec<Host>)> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    let service = ServiceKey::new(name, slice.metadata.namespace.as_deref()?)?;
    if !matches!(slice.address_type.as_str(), "IPv4" | "IPv6") {
        tracing::debug!(service = %service.listed(), kind = slice.address_type, "ignored a slice without IP addresses");
        return None;
    }
    let Some(port) = port_of(slice, port) else {
        return Some((service, Vec::new()));
    };
    let hosts = slice.endpoints.iter().filter_map(|endpoint| host(endpoint, port));
    Some((service, hosts.collect()))
}

fn port_of(slice: &EndpointSlice, port: &EnvoyPort) -> Option<NonZeroU16> {
    match port {
        EnvoyPort::Number(number) => Some(*number),
        EnvoyPort::Name(name) => {
            let mut ports = slice.ports.iter().flatten();
            let named = ports.find(|port| {
                port.name.as_deref() == Some(name) && port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP")
            })?;
            NonZeroU16::new(u16::try_from(named.port?).ok()?)
        }
    }
}

fn host(endpoint: &Endpoint, port: NonZeroU16) -> Option<Host> {
    // Kubernetes gives a meaning to the first alone.
    let ip_address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    Some(Host {
        ip_address,
        port,
        tags: Tags {
            az: endpoint.zone.clone().unwrap_or_default(),
            health: Some(health(endpoint.conditions.as_ref())),
            ..Tags::default()
        },
    })
}

/// A condition that is not known is to be taken so: `ready` as true, `serving` as `ready`, `terminating` as false.
fn health(conditions: Option<&EndpointConditions>) -> Health {
    let condition = |condition: fn(&EndpointConditions) -> Option<bool>| conditions.and_then(condition);
    let ready = condition(|conditions| conditions.ready).unwrap_or(true);
    let serving = condition(|conditions| conditions.serving).unwrap_or(ready);
    let terminating = condition(|conditions| conditions.terminating).unwrap_or(false);
    match (terminating, serving, ready) {
        (true, true, _) => Health::Draining,
        (false, _, true) => Health::Healthy,
        _ => Health::Unhealthy,
    }
}

/// The hosts of all slices of a service together. While an endpoint moves from one slice to another it may be in both; the
/// one that can do more counts.
pub(super) fn merge<'a>(slices: impl IntoIterator<Item = &'a Vec<Host>>) -> Service {
    let mut hosts: BTreeMap<(IpAddr, NonZeroU16), &Host> = BTreeMap::new();
    for host in slices.into_iter().flatten() {
        let place = hosts.entry((host.ip_address, host.port)).or_insert(host);
        if rank(host) > rank(place) {
            *place = host;
        }
    }
    // In the order of their addresses, so that the same hosts are the same to every process.
    let hosts: Vec<Host> = hosts.into_values().cloned().collect();
    Service {
        // No address is there twice, and each weighs 1.
        hosts: Hosts::try_from(hosts).unwrap_or_default(),
    }
}

fn rank(host: &Host) -> u8 {
    match host.tags.health {
        Some(Health::Healthy) => 2,
        Some(Health::Draining) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slice(kind: &str, endpoints: Value, ports: Value) -> EndpointSlice {
        serde_json::from_value(json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "pet-1", "namespace": "shop", "labels": {SERVICE_NAME: "pet"}},
            "addressType": kind,
            "endpoints": endpoints,
            "ports": ports,
        }))
        .unwrap()
    }

    fn hosts(slice: &EndpointSlice, port: &str) -> Option<Vec<(String, u16)>> {
        let (_, hosts) = read(slice, &port.parse().unwrap())?;
        let address = |host: Host| (host.ip_address.to_string(), host.port.get());
        Some(hosts.into_iter().map(address).collect())
    }

    fn host_of(endpoint: Value) -> Host {
        let slice = slice("IPv4", json!([endpoint]), json!(null));
        read(&slice, &EnvoyPort::default()).unwrap().1.remove(0)
    }

    #[test]
    fn conditions_are_health() {
        use Health::{Draining, Healthy, Unhealthy};
        for (conditions, health) in [
            (json!(null), Healthy),
            (json!({}), Healthy),
            (json!({"ready": true}), Healthy),
            (json!({"ready": true, "serving": true, "terminating": false}), Healthy),
            (json!({"ready": false}), Unhealthy),
            (
                json!({"ready": false, "serving": false, "terminating": false}),
                Unhealthy,
            ),
            (json!({"ready": false, "serving": true, "terminating": true}), Draining),
            (
                json!({"ready": false, "serving": false, "terminating": true}),
                Unhealthy,
            ),
            // Unknown conditions of one that terminates.
            (json!({"serving": true, "terminating": true}), Draining),
            (json!({"ready": false, "terminating": true}), Unhealthy),
            // A service with publishNotReadyAddresses calls every endpoint ready.
            (json!({"ready": true, "serving": false, "terminating": false}), Healthy),
            (json!({"ready": true, "serving": true, "terminating": true}), Draining),
            (json!({"ready": true, "serving": false, "terminating": true}), Unhealthy),
        ] {
            let host = host_of(json!({"addresses": ["10.0.0.1"], "conditions": conditions}));
            assert_eq!(host.tags.health, Some(health), "{conditions}");
        }
    }

    #[test]
    fn the_zone_and_the_first_address_are_taken() {
        let host = host_of(json!({"addresses": ["10.0.0.1", "10.0.0.2"], "zone": "eu-1a"}));
        assert_eq!(
            (host.ip_address.to_string().as_str(), host.tags.az.as_str()),
            ("10.0.0.1", "eu-1a")
        );
        assert_eq!(host_of(json!({"addresses": ["10.0.0.1"]})).tags.az, "");
    }

    #[test]
    fn the_port_is_replaced_by_a_number_or_found_by_its_name() {
        let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"},
                           {"name": "envoy", "port": 9000, "protocol": "UDP"},
                           {"name": "envoy", "port": 15006},
                           {"name": "every"}]);
        let slice_of = |ports| slice("IPv4", json!([{"addresses": ["10.0.0.1"]}]), ports);
        let found = |port| hosts(&slice_of(ports.clone()), port).unwrap();
        let at = |port| vec![("10.0.0.1".to_owned(), port)];
        assert_eq!(found("10000"), at(10000));
        assert_eq!(found("http"), at(8080));
        assert_eq!(found("envoy"), at(15006));
        // No such port, and one that is every port.
        assert_eq!((found("other"), found("every")), (vec![], vec![]));
        // Envoy listens even if the service has no port.
        assert_eq!(hosts(&slice_of(json!(null)), "10000").unwrap(), at(10000));
        assert_eq!(hosts(&slice_of(json!([])), "10000").unwrap(), at(10000));
    }

    #[test]
    fn both_families_are_read_and_names_are_not() {
        let v6 = slice(
            "IPv6",
            json!([{"addresses": ["fd00::1"]}, {"addresses": []}]),
            json!(null),
        );
        assert_eq!(hosts(&v6, "10000").unwrap(), [("fd00::1".to_owned(), 10000)]);
        let names = slice("FQDN", json!([{"addresses": ["pet.example.org"]}]), json!(null));
        assert_eq!(hosts(&names, "10000"), None);
    }

    #[test]
    fn a_slice_without_a_service_is_left_alone_and_one_without_endpoints_is_a_service() {
        let mut none = slice("IPv4", json!(null), json!(null));
        assert_eq!(hosts(&none, "10000").unwrap(), []);
        none.metadata.labels = None;
        assert_eq!(hosts(&none, "10000"), None);
    }

    #[test]
    fn slices_are_merged_and_an_address_is_there_once() {
        let read = |endpoints| {
            read(&slice("IPv4", endpoints, json!(null)), &EnvoyPort::default())
                .unwrap()
                .1
        };
        let not_ready = |address: &str| json!({"addresses": [address], "conditions": {"ready": false}});
        let one = read(json!([not_ready("10.0.0.2"), {"addresses": ["10.0.0.1"], "zone": "a"}]));
        let two = read(json!([{"addresses": ["10.0.0.2"], "zone": "b"}, not_ready("10.0.0.1")]));
        for slices in [[&one, &two], [&two, &one]] {
            let service = merge(slices);
            let found: Vec<_> = service
                .hosts
                .as_slice()
                .iter()
                .map(|host| (host.ip_address.to_string(), host.tags.az.as_str(), host.tags.health))
                .collect();
            assert_eq!(
                found,
                [
                    ("10.0.0.1".to_owned(), "a", Some(Health::Healthy)),
                    ("10.0.0.2".to_owned(), "b", Some(Health::Healthy))
                ]
            );
        }
    }
}
