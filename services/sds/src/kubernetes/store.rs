//! The slices that are there, and the services that they make.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::names::ServiceKey;
use super::port::EnvoyPort;
use super::slice;
use crate::host::{Host, Service};

/// What became of services: their hosts, or `None` if they are gone.
pub(super) type Changes = Vec<(ServiceKey, Option<Service>)>;

/// A slice's namespace and name.
type Id = (String, String);

/// The slices that Kubernetes last told of.
#[derive(Debug)]
pub(super) struct Store {
    port: EnvoyPort,
    slices: BTreeMap<Id, (ServiceKey, Vec<Host>)>,
    /// The slices of each service; none of these sets is empty.
    services: BTreeMap<ServiceKey, BTreeSet<Id>>,
}

impl Store {
    pub(super) fn new(port: EnvoyPort) -> Self {
        Self {
            port,
            slices: BTreeMap::new(),
            services: BTreeMap::new(),
        }
    }

    /// These are all slices that there are. Tells every service, and those that are gone.
    pub(super) fn replace(&mut self, slices: &[EndpointSlice]) -> Changes {
        let mut touched: BTreeSet<ServiceKey> = self.services.keys().cloned().collect();
        self.slices.clear();
        self.services.clear();
        for slice in slices {
            touched.extend(self.put(slice));
        }
        self.changes(touched)
    }

    /// A slice is new, or another than before.
    pub(super) fn apply(&mut self, slice: &EndpointSlice) -> Changes {
        let touched = self.put(slice);
        self.changes(touched)
    }

    /// A slice is gone.
    pub(super) fn delete(&mut self, slice: &EndpointSlice) -> Changes {
        let touched = id(slice).and_then(|id| self.take(&id));
        self.changes(touched)
    }

    /// The services that this touches: the one that the slice is part of, and the one that it was part of.
    fn put(&mut self, slice: &EndpointSlice) -> BTreeSet<ServiceKey> {
        let mut touched = BTreeSet::new();
        let Some(id) = id(slice) else { return touched };
        touched.extend(self.take(&id));
        if let Some((service, hosts)) = slice::read(slice, &self.port) {
            touched.insert(service.clone());
            self.services.entry(service.clone()).or_default().insert(id.clone());
            self.slices.insert(id, (service, hosts));
        }
        touched
    }

    fn take(&mut self, id: &Id) -> Option<ServiceKey> {
        let (service, _) = self.slices.remove(id)?;
        if let Some(slices) = self.services.get_mut(&service) {
            slices.remove(id);
            if slices.is_empty() {
                self.services.remove(&service);
            }
        }
        Some(service)
    }

    fn changes(&self, touched: impl IntoIterator<Item = ServiceKey>) -> Changes {
        let service = |key: &ServiceKey| {
            let slices = self.services.get(key)?.iter();
            Some(slice::merge(
                slices.filter_map(|id| self.slices.get(id)).map(|(_, hosts)| hosts),
            ))
        };
        touched
            .into_iter()
            .map(|key| {
                let service = service(&key);
                (key, service)
            })
            .collect()
    }
}

fn id(slice: &EndpointSlice) -> Option<Id> {
    Some((slice.metadata.namespace.clone()?, slice.metadata.name.clone()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, service: &str, address: Option<&str>) -> EndpointSlice {
        let endpoints: Vec<_> = address.iter().map(|address| json!({"addresses": [address]})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "endpoints": endpoints,
        }))
        .unwrap()
    }

    /// `pet.shop: 10.0.0.1 10.0.0.2`, or `pet.shop: gone`.
    fn told(changes: &Changes) -> Vec<String> {
        let text = |(key, service): &(ServiceKey, Option<Service>)| {
            let hosts = service.as_ref().map_or(vec!["gone".to_owned()], |service| {
                service
                    .hosts
                    .as_slice()
                    .iter()
                    .map(|host| host.ip_address.to_string())
                    .collect()
            });
            format!("{}: {}", key.listed(), hosts.join(" "))
        };
        changes.iter().map(text).collect()
    }

    #[test]
    fn a_service_is_all_its_slices_and_is_gone_with_the_last() {
        let mut store = Store::new(EnvoyPort::default());
        let (one, two) = (slice("1", "pet", Some("10.0.0.1")), slice("2", "pet", Some("10.0.0.2")));
        assert_eq!(told(&store.apply(&one)), ["pet.shop: 10.0.0.1"]);
        assert_eq!(told(&store.apply(&two)), ["pet.shop: 10.0.0.1 10.0.0.2"]);
        assert_eq!(told(&store.apply(&slice("1", "pet", None))), ["pet.shop: 10.0.0.2"]);
        assert_eq!(told(&store.delete(&two)), ["pet.shop: "]);
        assert_eq!(told(&store.delete(&one)), ["pet.shop: gone"]);
        assert!(store.delete(&one).is_empty());
    }

    #[test]
    fn a_slice_that_changes_its_service_touches_both() {
        let mut store = Store::new(EnvoyPort::default());
        store.apply(&slice("1", "pet", Some("10.0.0.1")));
        assert_eq!(
            told(&store.apply(&slice("1", "store", Some("10.0.0.1")))),
            ["pet.shop: gone", "store.shop: 10.0.0.1"]
        );
    }

    #[test]
    fn what_is_not_in_the_whole_is_gone() {
        let mut store = Store::new(EnvoyPort::default());
        store.apply(&slice("1", "pet", Some("10.0.0.1")));
        assert_eq!(
            told(&store.replace(&[slice("2", "store", Some("10.0.0.2"))])),
            ["pet.shop: gone", "store.shop: 10.0.0.2"]
        );
    }
}
