//! Who is in a mesh now.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use meshkat_model::mesh::{Container, Port};

use super::address::PodAddress;
use super::driver::DriverContainer;
use super::handle::ContainerHandle;
use crate::run::ledger::LedgerPod;
use crate::{ContainerState, Pod, RuntimeError, Target};

/// A pod: its place and its containers.
#[derive(Debug)]
pub(crate) struct PodEntry<C> {
    pub(crate) at: PodAddress,
    pub(crate) application: Option<Arc<ContainerHandle<C>>>,
    pub(crate) envoy: Option<Arc<ContainerHandle<C>>>,
    /// Where this machine reaches its ports, if that is not at its address.
    pub(crate) published: OnceLock<BTreeMap<Port, SocketAddr>>,
    /// Held by whoever takes the pod away.
    pub(crate) leaving: tokio::sync::Mutex<()>,
}

impl<C: DriverContainer> PodEntry<C> {
    /// Its containers, the application first.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Arc<ContainerHandle<C>>> {
        self.application.iter().chain(&self.envoy)
    }

    /// The containers that a target means.
    fn meant(&self, target: &Target) -> Result<Vec<Arc<ContainerHandle<C>>>, RuntimeError> {
        let meant: Vec<_> = match target.container {
            None => self.containers().cloned().collect(),
            Some(Container::Application) => self.application.iter().cloned().collect(),
            Some(Container::Envoy) => self.envoy.iter().cloned().collect(),
        };
        if meant.is_empty() && target.container.is_some() {
            return Err(RuntimeError::UnknownContainer { target: target.clone() });
        }
        Ok(meant)
    }

    /// It as it is now.
    pub(crate) fn pod(&self) -> Pod {
        Pod {
            name: self.at.name.clone(),
            group: self.at.group.clone(),
            address: self.at.address,
            published: self.published.get().cloned().unwrap_or_default(),
            loopback: self.at.loopback,
            ports: self.at.ports.clone(),
            application: self.application.as_ref().map(|container| container.state()),
            envoy: self.envoy.as_ref().map(|container| container.state()),
        }
    }

    /// It for the ledger.
    fn listed(&self) -> LedgerPod {
        let has = |(container, is_there): (Container, bool)| is_there.then_some(container);
        let containers = [
            (Container::Application, self.application.is_some()),
            (Container::Envoy, self.envoy.is_some()),
        ];
        LedgerPod {
            name: self.at.name.clone(),
            group: self.at.group.clone(),
            address: self.at.address,
            published: self.published.get().cloned().unwrap_or_default(),
            ports: self.at.ports.clone(),
            containers: containers.into_iter().filter_map(has).collect(),
        }
    }
}

/// The pods of a mesh, in order.
#[derive(Debug)]
pub(crate) struct Entries<C> {
    all: Vec<Arc<PodEntry<C>>>,
    /// The names of pods that are about to come.
    coming: BTreeSet<String>,
    /// The pods that a group's name means, of groups whose name does not mean all of them.
    named: BTreeMap<String, Vec<String>>,
}

impl<C> Default for Entries<C> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            coming: BTreeSet::new(),
            named: BTreeMap::new(),
        }
    }
}

impl<C: DriverContainer> Entries<C> {
    /// Whether a pod has that name, or is about to have it.
    pub(crate) fn is_taken(&self, name: &str) -> bool {
        self.coming.contains(name) || self.get(name).is_ok()
    }

    /// A pod is about to come to a group that is there. Nobody's name means it before that is said.
    pub(crate) fn expect(&mut self, group: &str, pod: &str) {
        self.coming.insert(pod.to_owned());
        if !self.named.contains_key(group) {
            let now = self.all.iter().filter(|entry| entry.at.group == group);
            let now = now.map(|entry| entry.at.name.clone()).collect();
            self.named.insert(group.to_owned(), now);
        }
    }

    /// It has come, or will not.
    pub(crate) fn expect_no_more(&mut self, pod: &str) {
        self.coming.remove(pod);
    }

    /// Makes the name of a group mean these of its pods.
    pub(crate) fn name(&mut self, group: &str, pods: &[String]) {
        self.named.insert(group.to_owned(), pods.to_owned());
    }

    /// The pods that names mean now.
    pub(crate) fn meant(&self) -> impl Iterator<Item = &PodAddress> {
        let is_meant = |at: &&PodAddress| match self.named.get(&at.group) {
            Some(named) => named.contains(&at.name),
            None => true,
        };
        self.all.iter().map(|entry| &entry.at).filter(is_meant)
    }

    /// Adds a pod.
    pub(crate) fn insert(&mut self, entry: Arc<PodEntry<C>>) {
        let at = self.all.partition_point(|other| other.at.order < entry.at.order);
        self.all.insert(at, entry);
    }

    /// Forgets a pod; its name is free again.
    pub(crate) fn forget(&mut self, entry: &Arc<PodEntry<C>>) {
        self.all.retain(|other| !Arc::ptr_eq(other, entry));
        // Another pod may have its name later.
        if let Some(named) = self.named.get_mut(&entry.at.group) {
            named.retain(|name| *name != entry.at.name);
        }
    }

    /// The pod of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<PodEntry<C>>, RuntimeError> {
        let found = self.all.iter().find(|entry| entry.at.name == name);
        found
            .cloned()
            .ok_or_else(|| RuntimeError::UnknownPod { pod: name.to_owned() })
    }

    /// The containers that a target means.
    pub(crate) fn containers(&self, target: &Target) -> Result<Vec<Arc<ContainerHandle<C>>>, RuntimeError> {
        self.get(&target.pod)?.meant(target)
    }

    /// The containers that a target means and that live, for what can be done to a living one only. A pod that is meant
    /// as a whole needs one that lives; a container that is meant has to, which is for the container to tell.
    pub(crate) fn living(
        &self,
        action: &'static str,
        target: &Target,
    ) -> Result<Vec<Arc<ContainerHandle<C>>>, RuntimeError> {
        let all = self.containers(target)?;
        if target.container.is_some() {
            return Ok(all);
        }
        let living: Vec<_> = all
            .iter()
            .filter(|container| container.state().is_alive())
            .cloned()
            .collect();
        if living.is_empty() {
            return Err(RuntimeError::WrongState {
                action,
                target: target.clone(),
                state: all
                    .first()
                    .map_or(ContainerState::NotStarted, |container| container.state()),
            });
        }
        Ok(living)
    }

    /// All pods, in order.
    pub(crate) fn all(&self) -> &[Arc<PodEntry<C>>] {
        &self.all
    }

    /// The containers of all pods.
    pub(crate) fn all_containers(&self) -> Vec<Arc<ContainerHandle<C>>> {
        self.all.iter().flat_map(|entry| entry.containers()).cloned().collect()
    }

    /// All pods as they are now.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        self.all.iter().map(|entry| entry.pod()).collect()
    }

    /// All pods, for the ledger.
    pub(crate) fn listed(&self) -> Vec<LedgerPod> {
        self.all.iter().map(|entry| entry.listed()).collect()
    }
}
