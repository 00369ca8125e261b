//! An EndpointSlice as hosts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointSlice};

use super::passed::{Passed, Reason, shown};
use super::port::EnvoyPort;
use crate::host::{Health, Host, Hosts, Service, Tags};
use crate::store::ServiceKey;

/// The label that says which service a slice is part of.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What a slice adds to a service.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its endpoints. Their port is another for each of the service's names.
    endpoints: Vec<Host>,
    /// The port at which the service is, unless it is asked for at another; `None` if the slice does not have it.
    port: Option<NonZeroU16>,
    /// The slice's own ports, by name; the one without has an empty one.
    ports: BTreeMap<String, NonZeroU16>,
}

impl Part {
    /// The names of the slice's ports.
    pub(super) fn ports(&self) -> impl Iterator<Item = &String> {
        self.ports.keys()
    }

    /// Its endpoints, and their port, where the service is asked for without one.
    pub(super) fn plain(&self) -> Option<(&[Host], NonZeroU16)> {
        Some((&self.endpoints, self.port?))
    }

    /// Its endpoints, and their port, where the service is asked for at a port of this name.
    pub(super) fn at(&self, port: &str) -> Option<(&[Host], NonZeroU16)> {
        Some((&self.endpoints, *self.ports.get(port)?))
    }
}

/// What a slice says: the service that it is part of, what it adds to that, and what of it is passed over.
///
/// `None` if it is part of no service. One that has no service that can be called has only what is passed over.
pub(super) fn read(slice: &EndpointSlice, port: &EnvoyPort) -> Option<(Option<ServiceKey>, Part, Passed)> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    let namespace = slice.metadata.namespace.as_deref()?;
    let mut passed = Passed::default();
    let Some(service) = ServiceKey::new(name, namespace) else {
        passed.add(Reason::Service, slice.endpoints.len(), || {
            format!(
                "its label {SERVICE_NAME} is {}, which is no name of a service",
                shown(name)
            )
        });
        return Some((None, Part::default(), passed));
    };
    let kind = slice.address_type.as_str();
    if !matches!(kind, "IPv4" | "IPv6") {
        // One at least: that there is such a slice is what is to be known.
        passed.add(Reason::AddressType, slice.endpoints.len().max(1), || {
            format!(
                "a slice has addresses of type {}, and Envoy takes IP addresses alone",
                shown(kind)
            )
        });
        return Some((Some(service), Part::default(), passed));
    }
    let mut endpoints = Vec::new();
    for endpoint in &slice.endpoints {
        match host(endpoint) {
            Ok(host) => endpoints.push(host),
            Err(why) => passed.add(Reason::Address, 1, || why),
        }
    }
    let ports = ports_of(slice);
    let found = match port {
        EnvoyPort::Number(number) => Some(*number),
        EnvoyPort::Name(name) => ports.get(name).copied(),
    };
    if found.is_none() {
        passed.add(Reason::Port, endpoints.len(), || {
            format!("a slice has no TCP port of the name that envoy.port asks for, {port}")
        });
    }
    let part = Part {
        endpoints,
        port: found,
        ports,
    };
    Some((Some(service), part, passed))
}

/// The ports that one can connect to; of two with one name, the first.
fn ports_of(slice: &EndpointSlice) -> BTreeMap<String, NonZeroU16> {
    let mut found = BTreeMap::new();
    for port in slice.ports.iter().flatten() {
        let number = port.port.and_then(|number| u16::try_from(number).ok());
        let is_tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
        if let Some(number) = number.and_then(NonZeroU16::new).filter(|_| is_tcp) {
            found.entry(port.name.clone().unwrap_or_default()).or_insert(number);
        }
    }
    found
}

fn host(endpoint: &Endpoint) -> Result<Host, String> {
    // Kubernetes gives a meaning to the first alone.
    let address = endpoint.addresses.first();
    let address = address.ok_or_else(|| "an endpoint has no address".to_owned())?;
    let ip_address: IpAddr = address.parse().map_err(|_| {
        let mut parts = address.split('.');
        let is_ambiguous = parts.any(|part| part.len() > 1 && part.starts_with('0'));
        let why = if is_ambiguous {
            ": what begins with 0 may mean either of two numbers; write it without"
        } else {
            ""
        };
        format!("the address {} is no IP address{why}", shown(address))
    })?;
    Ok(Host {
        ip_address,
        port: NonZeroU16::MIN,
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

/// The hosts of all slices of a service together, each with its port. While an endpoint moves from one slice to another it may
/// be in both; the one that can do more counts.
pub(super) fn merge<'a>(slices: impl IntoIterator<Item = (&'a [Host], NonZeroU16)>) -> Service {
    let mut hosts: BTreeMap<(IpAddr, NonZeroU16), &Host> = BTreeMap::new();
    for (endpoints, port) in slices {
        for host in endpoints {
            let place = hosts.entry((host.ip_address, port)).or_insert(host);
            if rank(host) > rank(place) {
                *place = host;
            }
        }
    }
    // In the order of their addresses, so that the same hosts are the same to every process.
    let hosts = hosts.into_iter().map(|((_, port), host)| Host { port, ..host.clone() });
    Service {
        // No address is there twice, and each weighs 1.
        hosts: Hosts::try_from(hosts.collect::<Vec<_>>()).unwrap_or_default(),
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
        let (_, part, _) = read(slice, &port.parse().unwrap())?;
        Some(addresses(part.plain()))
    }

    fn addresses(part: Option<(&[Host], NonZeroU16)>) -> Vec<(String, u16)> {
        let service = merge(part);
        let hosts = service.hosts.as_slice().iter();
        hosts
            .map(|host| (host.ip_address.to_string(), host.port.get()))
            .collect()
    }

    fn host_of(endpoint: Value) -> Host {
        let slice = slice("IPv4", json!([endpoint]), json!(null));
        read(&slice, &EnvoyPort::default()).unwrap().1.endpoints.remove(0)
    }

    /// What is passed over, reason by reason.
    fn passed(slice: &EndpointSlice, port: &str) -> Vec<String> {
        let (_, _, passed) = read(slice, &port.parse().unwrap()).unwrap();
        passed.whys().map(str::to_owned).collect()
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
        for port in ["other", "every", ":"] {
            let told = passed(&slice_of(ports.clone()), port);
            assert_eq!(
                told,
                [format!(
                    "a slice has no TCP port of the name that envoy.port asks for, {port}"
                )]
            );
        }
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
        assert_eq!(passed(&v6, "10000"), ["an endpoint has no address"]);
        // It is a service all the same, of which nobody is known.
        for endpoints in [json!([{"addresses": ["pet.example.org"]}]), json!(null)] {
            let names = slice("FQDN", endpoints, json!(null));
            assert_eq!(hosts(&names, "10000").unwrap(), []);
            assert_eq!(
                passed(&names, "10000"),
                ["a slice has addresses of type \"FQDN\", and Envoy takes IP addresses alone"]
            );
        }
    }

    #[test]
    fn an_address_that_is_none_is_told_and_the_others_are_taken() {
        for (address, why) in [
            (
                "010.0.0.7",
                "the address \"010.0.0.7\" is no IP address: what begins with 0 may mean either of two numbers; write it without",
            ),
            ("10.0.0", "the address \"10.0.0\" is no IP address"),
            ("fe80::1%eth0", "the address \"fe80::1%eth0\" is no IP address"),
        ] {
            let slice = slice(
                "IPv4",
                json!([{"addresses": [address]}, {"addresses": ["10.0.0.1"]}, {"addresses": [address]}]),
                json!(null),
            );
            assert_eq!(hosts(&slice, "10000").unwrap(), [("10.0.0.1".to_owned(), 10000)]);
            assert_eq!(passed(&slice, "10000"), [why]);
        }
    }

    #[test]
    fn a_port_without_a_name_is_one_and_each_port_can_be_asked_for() {
        for unnamed in [
            json!({"port": 8080}),
            json!({"name": "", "port": 8080, "protocol": "TCP"}),
        ] {
            let slice = slice(
                "IPv4",
                json!([{"addresses": ["10.0.0.1"]}]),
                json!([unnamed, {"name": "admin", "port": 9000}]),
            );
            assert_eq!(hosts(&slice, ":").unwrap(), [("10.0.0.1".to_owned(), 8080)]);
            let (_, part, _) = read(&slice, &EnvoyPort::default()).unwrap();
            assert_eq!(part.ports().collect::<Vec<_>>(), ["", "admin"]);
            assert_eq!(addresses(part.at("admin")), [("10.0.0.1".to_owned(), 9000)]);
            assert_eq!(addresses(part.at("")), [("10.0.0.1".to_owned(), 8080)]);
            assert_eq!(addresses(part.at("other")), []);
        }
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
            let (_, part, _) = read(&slice("IPv4", endpoints, json!(null)), &EnvoyPort::default()).unwrap();
            part
        };
        let not_ready = |address: &str| json!({"addresses": [address], "conditions": {"ready": false}});
        let one = read(json!([not_ready("10.0.0.2"), {"addresses": ["10.0.0.1"], "zone": "a"}]));
        let two = read(json!([{"addresses": ["10.0.0.2"], "zone": "b"}, not_ready("10.0.0.1")]));
        for slices in [[&one, &two], [&two, &one]] {
            let service = merge(slices.into_iter().filter_map(Part::plain));
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
