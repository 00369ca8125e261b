//! The slices that are there, and the services that they make.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::passed::{Passed, PassedOver};
use super::port::EnvoyPort;
use super::slice::{self, Part};
use crate::store::{Followed, ServiceKey};

/// A slice's namespace and name.
type Id = (String, String);

/// The slices that Kubernetes last told of.
#[derive(Debug)]
pub(super) struct Slices {
    port: EnvoyPort,
    slices: BTreeMap<Id, (ServiceKey, Part)>,
    /// The slices of each service; none of these sets is empty.
    services: BTreeMap<ServiceKey, BTreeSet<Id>>,
    /// The names of the ports that each service had since it is there. One that is gone is told to have no hosts: a service
    /// without endpoints has a slice without ports.
    ports: BTreeMap<ServiceKey, BTreeSet<String>>,
    /// What is passed over, by the slices of which something is.
    passed: BTreeMap<Id, (String, Passed)>,
}

impl Slices {
    pub(super) fn new(port: EnvoyPort) -> Self {
        Self {
            port,
            slices: BTreeMap::new(),
            services: BTreeMap::new(),
            ports: BTreeMap::new(),
            passed: BTreeMap::new(),
        }
    }

    /// What is passed over of all slices.
    pub(super) fn passed_over(&self) -> PassedOver {
        PassedOver::of(self.passed.values().map(|(of, passed)| (of.as_str(), passed)))
    }

    /// These are all slices that there are. Tells every service, and those that are gone.
    pub(super) fn replace(&mut self, slices: &[EndpointSlice]) -> Vec<Followed> {
        let mut touched: BTreeSet<ServiceKey> = self.services.keys().cloned().collect();
        self.slices.clear();
        self.services.clear();
        let mut before = std::mem::take(&mut self.passed);
        for slice in slices {
            if let Some(passed) = id(slice).and_then(|id| before.remove_entry(&id)) {
                // What was told of is not told again.
                self.passed.extend([passed]);
            }
            touched.extend(self.put(slice));
        }
        self.changes(touched)
    }

    /// A slice is new, or another than before.
    pub(super) fn apply(&mut self, slice: &EndpointSlice) -> Vec<Followed> {
        let touched = self.put(slice);
        self.changes(touched)
    }

    /// A slice is gone.
    pub(super) fn delete(&mut self, slice: &EndpointSlice) -> Vec<Followed> {
        let touched = id(slice).and_then(|id| self.take(&id));
        self.changes(touched)
    }

    /// The services that this touches: the one that the slice is part of, and the one that it was part of.
    fn put(&mut self, slice: &EndpointSlice) -> BTreeSet<ServiceKey> {
        let mut touched = BTreeSet::new();
        let Some(id) = id(slice) else { return touched };
        let before = self.passed.get(&id).cloned();
        touched.extend(self.take(&id));
        let Some((service, part, passed)) = slice::read(slice, &self.port) else {
            return touched;
        };
        if !passed.is_nothing() {
            let of = service.as_ref().map_or_else(
                || format!("the slice {}/{}", id.0, id.1),
                |service| service.listed().to_string(),
            );
            let passed = (of, passed);
            if before.as_ref() != Some(&passed) {
                for why in passed.1.whys() {
                    tracing::warn!(
                        of = passed.0,
                        slice = id.1,
                        "endpoints of Kubernetes are passed over: {why}"
                    );
                }
            }
            self.passed.insert(id.clone(), passed);
        }
        if let Some(service) = service {
            touched.insert(service.clone());
            self.services.entry(service.clone()).or_default().insert(id.clone());
            let ports = self.ports.entry(service.clone()).or_default();
            for port in part.ports() {
                if !ports.contains(port) {
                    ports.insert(port.clone());
                }
            }
            self.slices.insert(id, (service, part));
        }
        touched
    }

    fn take(&mut self, id: &Id) -> Option<ServiceKey> {
        self.passed.remove(id);
        let (service, _) = self.slices.remove(id)?;
        if let Some(slices) = self.services.get_mut(&service) {
            slices.remove(id);
            if slices.is_empty() {
                self.services.remove(&service);
            }
        }
        Some(service)
    }

    fn changes(&mut self, touched: impl IntoIterator<Item = ServiceKey>) -> Vec<Followed> {
        touched.into_iter().map(|key| self.change(key)).collect()
    }

    fn change(&mut self, key: ServiceKey) -> Followed {
        let parts: Option<Vec<&Part>> = self.services.get(&key).map(|ids| {
            let parts = ids.iter().filter_map(|id| self.slices.get(id));
            parts.map(|(_, part)| part).collect()
        });
        let service = parts
            .as_ref()
            .map(|parts| slice::merge(parts.iter().filter_map(|part| part.plain())));
        let ports = self.ports.get(&key).into_iter().flatten();
        let ports = ports.map(|port| {
            let service = parts
                .as_ref()
                .map(|parts| slice::merge(parts.iter().filter_map(|part| part.at(port))));
            (port.clone(), service)
        });
        let ports = ports.collect();
        if service.is_none() {
            self.ports.remove(&key);
        }
        Followed { key, service, ports }
    }
}

fn id(slice: &EndpointSlice) -> Option<Id> {
    Some((slice.metadata.namespace.clone()?, slice.metadata.name.clone()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::Service;

    fn slice(name: &str, service: &str, address: Option<&str>) -> EndpointSlice {
        let endpoints: Vec<_> = address.iter().map(|address| json!({"addresses": [address]})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "endpoints": endpoints,
        }))
        .unwrap()
    }

    /// `10.0.0.1 10.0.0.2`, or `gone`.
    fn hosts(service: Option<&Service>) -> String {
        let hosts = service.map_or(vec!["gone".to_owned()], |service| {
            let hosts = service.hosts.as_slice().iter();
            hosts.map(|host| host.ip_address.to_string()).collect()
        });
        hosts.join(" ")
    }

    /// `pet.shop: 10.0.0.1 10.0.0.2`, or `pet.shop: gone`.
    fn told(changes: &[Followed]) -> Vec<String> {
        let text = |Followed { key, service, .. }: &Followed| format!("{}: {}", key.listed(), hosts(service.as_ref()));
        changes.iter().map(text).collect()
    }

    fn at_ports(changes: &[Followed]) -> Vec<String> {
        let ports = changes.iter().flat_map(|change| &change.ports);
        ports
            .map(|(port, service)| format!("{port}: {}", hosts(service.as_ref())))
            .collect()
    }

    #[test]
    fn a_port_that_no_slice_has_any_more_is_there_without_hosts_as_long_as_its_service() {
        let mut known = Slices::new(EnvoyPort::default());
        let mut one = slice("1", "pet", Some("10.0.0.1"));
        one.ports = Some(serde_json::from_value(json!([{"name": "http", "port": 80}, {"port": 90}])).unwrap());
        assert_eq!(at_ports(&known.apply(&one)), [": 10.0.0.1", "http: 10.0.0.1"]);
        let none = slice("1", "pet", None);
        assert_eq!(at_ports(&known.apply(&none)), [": ", "http: "]);
        assert_eq!(at_ports(&known.replace(&[none])), [": ", "http: "]);
        assert_eq!(
            at_ports(&known.delete(&slice("1", "pet", None))),
            [": gone", "http: gone"]
        );
        assert_eq!(at_ports(&known.apply(&slice("1", "pet", Some("10.0.0.1")))), [""; 0]);
    }

    #[test]
    fn what_is_passed_over_is_known_until_its_slice_is_put_right_or_gone() {
        let mut known = Slices::new(EnvoyPort::default());
        let note = |known: &Slices| known.passed_over().note();
        let bad = slice("1", "pet", Some("010.0.0.7"));
        assert_eq!(told(&known.apply(&bad)), ["pet.shop: "]);
        let said = note(&known).unwrap();
        assert!(
            said.starts_with("passed over: 1 endpoint of Kubernetes, of pet.shop: "),
            "{said}"
        );
        let mut names = slice("2", "far", Some("far.example.org"));
        names.address_type = "FQDN".to_owned();
        assert_eq!(told(&known.apply(&names)), ["far.shop: "]);
        assert!(
            note(&known)
                .unwrap()
                .starts_with("passed over: 2 endpoints of Kubernetes, as of pet.shop: ")
        );
        known.replace(&[bad.clone(), names.clone()]);
        assert!(note(&known).unwrap().starts_with("passed over: 2 "));
        known.apply(&slice("1", "pet", Some("10.0.0.7")));
        assert!(
            note(&known)
                .unwrap()
                .contains("1 endpoint of Kubernetes, of far.shop: ")
        );
        known.delete(&names);
        assert_eq!(note(&known), None);
        let nameless = slice("3", "no_name", Some("10.0.0.7"));
        assert_eq!(told(&known.apply(&nameless)), [""; 0]);
        assert!(note(&known).unwrap().contains("of the slice shop/3: its label "));
        known.replace(&[]);
        assert_eq!(note(&known), None);
    }

    #[test]
    fn a_service_is_all_its_slices_and_is_gone_with_the_last() {
        let mut known = Slices::new(EnvoyPort::default());
        let (one, two) = (slice("1", "pet", Some("10.0.0.1")), slice("2", "pet", Some("10.0.0.2")));
        assert_eq!(told(&known.apply(&one)), ["pet.shop: 10.0.0.1"]);
        assert_eq!(told(&known.apply(&two)), ["pet.shop: 10.0.0.1 10.0.0.2"]);
        assert_eq!(told(&known.apply(&slice("1", "pet", None))), ["pet.shop: 10.0.0.2"]);
        assert_eq!(told(&known.delete(&two)), ["pet.shop: "]);
        assert_eq!(told(&known.delete(&one)), ["pet.shop: gone"]);
        assert!(known.delete(&one).is_empty());
    }

    #[test]
    fn a_slice_that_changes_its_service_touches_both() {
        let mut known = Slices::new(EnvoyPort::default());
        known.apply(&slice("1", "pet", Some("10.0.0.1")));
        assert_eq!(
            told(&known.apply(&slice("1", "store", Some("10.0.0.1")))),
            ["pet.shop: gone", "store.shop: 10.0.0.1"]
        );
    }

    #[test]
    fn what_is_not_in_the_whole_is_gone() {
        let mut known = Slices::new(EnvoyPort::default());
        known.apply(&slice("1", "pet", Some("10.0.0.1")));
        assert_eq!(
            told(&known.replace(&[slice("2", "store", Some("10.0.0.2"))])),
            ["pet.shop: gone", "store.shop: 10.0.0.2"]
        );
    }
}
