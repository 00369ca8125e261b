//! Who is in a mesh now.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use meshkat_model::mesh::{Container, MeshSpec};

use super::block::Addresses;
use super::ledger::LedgerPod;
use super::slot::Slot;
use crate::{Pod, RuntimeError, Target, roster};

/// A pod's place in the mesh: its name, its number and its address.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) address: IpAddr,
    /// The group's place in the mesh, and the pod's number in the group.
    order: (usize, u32),
}

/// A pod: its place and its containers.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) place: Place,
    pub(super) application: Option<Arc<Slot>>,
    pub(super) envoy: Option<Arc<Slot>>,
    /// Held by whoever takes the pod away.
    pub(super) leaving: tokio::sync::Mutex<()>,
}

impl Member {
    /// Its containers, the application first.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.application.iter().chain(&self.envoy)
    }

    /// The containers that a target means.
    pub(super) fn slots_of(&self, target: &Target) -> Result<Vec<Arc<Slot>>, RuntimeError> {
        let slots: Vec<_> = match target.container {
            None => self.slots().cloned().collect(),
            Some(Container::Application) => self.application.iter().cloned().collect(),
            Some(Container::Envoy) => self.envoy.iter().cloned().collect(),
        };
        if slots.is_empty() && target.container.is_some() {
            return Err(RuntimeError::UnknownContainer { target: target.clone() });
        }
        Ok(slots)
    }

    /// It as it is now.
    pub(super) fn pod(&self) -> Pod {
        Pod {
            name: self.place.name.clone(),
            group: self.place.group.clone(),
            address: self.place.address,
            published: BTreeMap::new(),
            loopback: self.place.address,
            application: self.application.as_ref().map(|slot| slot.state()),
            envoy: self.envoy.as_ref().map(|slot| slot.state()),
        }
    }
}

/// The pods of a mesh, in order, and their addresses.
#[derive(Debug)]
pub(super) struct Members {
    all: Vec<Arc<Member>>,
    addresses: Addresses,
}

impl Members {
    /// None yet.
    pub(super) fn new(addresses: Addresses) -> Self {
        Self {
            all: Vec::new(),
            addresses,
        }
    }

    /// Places for every pod that the mesh has at the start. Their addresses are taken from now on.
    pub(super) fn initial(&mut self, mesh: &MeshSpec) -> Result<Vec<Place>, RuntimeError> {
        let mut places = Vec::new();
        for (index, (group, spec)) in mesh.groups.iter().enumerate() {
            for ordinal in 1..=roster::initial(spec) {
                places.push(self.place(group, index, ordinal, roster::pod_name(group, spec, ordinal))?);
            }
        }
        Ok(places)
    }

    /// A place for one more pod of a group. The address is taken from now on.
    pub(super) fn next(&mut self, mesh: &MeshSpec, group: &str) -> Result<Place, RuntimeError> {
        let (index, _, spec) = mesh.groups.get_full(group).ok_or_else(|| RuntimeError::UnknownGroup {
            group: group.to_owned(),
        })?;
        let (ordinal, name) = roster::next_free(group, spec, |name| self.get(name).is_ok());
        self.place(group, index, ordinal, name)
    }

    fn place(&mut self, group: &str, index: usize, ordinal: u32, name: String) -> Result<Place, RuntimeError> {
        Ok(Place {
            group: group.to_owned(),
            name,
            address: self.addresses.take()?,
            order: (index, ordinal),
        })
    }

    /// Gives back the address of a place that no pod has.
    pub(super) fn give_back(&mut self, place: &Place) {
        self.addresses.give_back(place.address);
    }

    /// Adds a pod.
    pub(super) fn insert(&mut self, member: Arc<Member>) {
        let at = self.all.partition_point(|other| other.place.order < member.place.order);
        self.all.insert(at, member);
    }

    /// Forgets a pod; its name and address are free again.
    pub(super) fn forget(&mut self, member: &Arc<Member>) {
        let before = self.all.len();
        self.all.retain(|other| !Arc::ptr_eq(other, member));
        if self.all.len() < before {
            self.give_back(&member.place);
        }
    }

    /// The pod of that name.
    pub(super) fn get(&self, name: &str) -> Result<Arc<Member>, RuntimeError> {
        let found = self.all.iter().find(|member| member.place.name == name);
        found
            .cloned()
            .ok_or_else(|| RuntimeError::UnknownPod { pod: name.to_owned() })
    }

    /// All pods, in order.
    pub(super) fn all(&self) -> &[Arc<Member>] {
        &self.all
    }

    /// All pods as they are now.
    pub(super) fn pods(&self) -> Vec<Pod> {
        self.all.iter().map(|member| member.pod()).collect()
    }

    /// All pods, for the ledger.
    pub(super) fn listed(&self) -> Vec<LedgerPod> {
        let listed = |Place {
                          name, group, address, ..
                      }: &Place| LedgerPod {
            name: name.clone(),
            group: group.clone(),
            address: *address,
        };
        self.all.iter().map(|member| listed(&member.place)).collect()
    }
}

/// Where the names that a configuration holds are: every pod's, and every group's for the first of its pods.
pub(super) fn hosts<'a>(places: impl IntoIterator<Item = &'a Place>) -> BTreeMap<String, IpAddr> {
    let mut hosts = BTreeMap::new();
    for place in places {
        hosts.insert(place.name.clone(), place.address);
        hosts.entry(place.group.clone()).or_insert(place.address);
    }
    hosts
}
