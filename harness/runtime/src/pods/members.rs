//! Who is in a mesh now.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use futures::future::join_all;
use meshkat_envoy::config::Hosts;
use meshkat_model::mesh::{Container, MeshSpec, PodPorts, Port};

use super::addresses::Addresses;
use super::bootstraps::Bootstraps;
use super::roster;
use crate::run::ledger::LedgerPod;
use crate::{ContainerState, Pod, Printable, RuntimeError, Target};

/// A pod's place in the mesh: its name, its number and its address.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    /// Where its own application and Envoy reach one another.
    pub(crate) loopback: IpAddr,
    /// The numbers of its ports.
    pub(crate) ports: PodPorts,
    /// The group's place in the mesh, and the pod's number in the group.
    order: (usize, u32),
}

/// One container of a pod, as a runtime has it.
pub(crate) trait Stateful: Send + Sync {
    /// What it does.
    fn state(&self) -> ContainerState;
}

/// A pod: its place and its containers.
#[derive(Debug)]
pub(crate) struct Member<S> {
    pub(crate) place: Place,
    pub(crate) application: Option<Arc<S>>,
    pub(crate) envoy: Option<Arc<S>>,
    /// Where this machine reaches its ports, if that is not at its address.
    pub(crate) published: OnceLock<BTreeMap<Port, SocketAddr>>,
    /// Held by whoever takes the pod away.
    pub(crate) leaving: tokio::sync::Mutex<()>,
}

impl<S: Stateful> Member<S> {
    /// Its containers, the application first.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Arc<S>> {
        self.application.iter().chain(&self.envoy)
    }

    /// The containers that a target means.
    pub(crate) fn slots_of(&self, target: &Target) -> Result<Vec<Arc<S>>, RuntimeError> {
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
    pub(crate) fn pod(&self) -> Pod {
        Pod {
            name: self.place.name.clone(),
            group: self.place.group.clone(),
            address: self.place.address,
            published: self.published.get().cloned().unwrap_or_default(),
            loopback: self.place.loopback,
            ports: self.place.ports.clone(),
            application: self.application.as_ref().map(|slot| slot.state()),
            envoy: self.envoy.as_ref().map(|slot| slot.state()),
        }
    }
}

/// Gives pods their places.
#[derive(Debug)]
pub(crate) struct Places {
    addresses: Addresses,
    loopback: Option<IpAddr>,
    ports: HashMap<String, PodPorts>,
}

impl Places {
    /// `loopback` is where the containers of each pod reach one another; none is at the pod's address.
    pub(crate) fn new(
        addresses: Addresses,
        loopback: Option<IpAddr>,
        mesh: &MeshSpec,
        bootstraps: &Bootstraps,
    ) -> Self {
        let ports = mesh
            .groups
            .iter()
            .map(|(name, group)| (name.clone(), bootstraps.ports(group)));
        Self {
            addresses,
            loopback,
            ports: ports.collect(),
        }
    }

    fn ports_of(&self, group: &str) -> PodPorts {
        self.ports.get(group).cloned().unwrap_or_default()
    }

    /// Places for every pod that the mesh has at the start. Their addresses are taken from now on.
    pub(crate) fn initial(&mut self, mesh: &MeshSpec) -> Result<Vec<Place>, RuntimeError> {
        let mut places = Vec::new();
        for (index, (group, spec)) in mesh.groups.iter().enumerate() {
            for ordinal in 1..=roster::initial(spec) {
                places.push(self.place(group, index, ordinal, roster::pod_name(group, spec, ordinal))?);
            }
        }
        Ok(places)
    }

    /// Whom names mean, where these pods are all that they mean.
    pub(crate) fn hosts<'a>(&self, mesh: &MeshSpec, places: impl IntoIterator<Item = &'a Place>) -> Hosts {
        let mut hosts = Hosts::default();
        for (name, group) in &mesh.groups {
            hosts.add_group(name, group.replicas.is_some(), self.ports_of(name));
        }
        for place in places {
            hosts.add_pod(&place.group, &place.name, place.address);
        }
        hosts
    }

    fn place(&mut self, group: &str, index: usize, ordinal: u32, name: String) -> Result<Place, RuntimeError> {
        check_name(&name)?;
        let address = self.addresses.take()?;
        Ok(Place {
            group: group.to_owned(),
            name,
            address,
            loopback: self.loopback.unwrap_or(address),
            ports: self.ports_of(group),
            order: (index, ordinal),
        })
    }
}

/// A pod's name is part of the names of files and containers. Mesh files have no others; a mesh that was made by other means
/// leads nowhere else, either.
fn check_name(name: &str) -> Result<(), RuntimeError> {
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_name {
        return Ok(());
    }
    Err(RuntimeError::Other {
        message: format!("`{}` is not a name for a pod", Printable(name)),
        help: Some("names have letters, digits and hyphens".to_owned()),
    })
}

/// The pods of a mesh, in order, and their places.
#[derive(Debug)]
pub(crate) struct Members<S> {
    all: Vec<Arc<Member<S>>>,
    places: Places,
    /// The pods that a group's name means, of groups whose name does not mean all of them.
    named: BTreeMap<String, Vec<String>>,
}

impl<S: Stateful> Members<S> {
    /// None yet.
    pub(crate) fn new(places: Places) -> Self {
        Self {
            all: Vec::new(),
            places,
            named: BTreeMap::new(),
        }
    }

    /// Places for every pod that the mesh has at the start. Their addresses are taken from now on.
    pub(crate) fn initial(&mut self, mesh: &MeshSpec) -> Result<Vec<Place>, RuntimeError> {
        self.places.initial(mesh)
    }

    /// Adds one more pod to a group. `make` is told its place, and where all are whose names a configuration may hold.
    pub(crate) fn join(
        &mut self,
        mesh: &MeshSpec,
        group: &str,
        make: impl FnOnce(Place, Hosts) -> Result<Member<S>, RuntimeError>,
    ) -> Result<Arc<Member<S>>, RuntimeError> {
        let (index, _, spec) = mesh.groups.get_full(group).ok_or_else(|| RuntimeError::UnknownGroup {
            group: group.to_owned(),
        })?;
        let (ordinal, name) = roster::next_free(group, spec, |name| self.get(name).is_ok());
        // It is there from now on, but nobody's name means it before that is said.
        if !self.named.contains_key(group) {
            let now = self.all.iter().filter(|member| member.place.group == group);
            let now = now.map(|member| member.place.name.clone()).collect();
            self.named.insert(group.to_owned(), now);
        }
        let place = self.places.place(group, index, ordinal, name)?;
        let hosts = self.hosts(mesh);
        match make(place.clone(), hosts) {
            Ok(member) => {
                let member = Arc::new(member);
                self.insert(Arc::clone(&member));
                Ok(member)
            }
            Err(error) => {
                self.give_back(&place);
                Err(error)
            }
        }
    }

    /// Makes the name of a group mean these of its pods.
    pub(crate) fn name(&mut self, group: &str, pods: &[String]) {
        self.named.insert(group.to_owned(), pods.to_owned());
    }

    /// Whom names mean now.
    pub(crate) fn hosts(&self, mesh: &MeshSpec) -> Hosts {
        let is_meant = |place: &&Place| match self.named.get(&place.group) {
            Some(named) => named.contains(&place.name),
            None => true,
        };
        let places = self.all.iter().map(|member| &member.place).filter(is_meant);
        self.places.hosts(mesh, places)
    }

    /// The same of pods that are not yet members.
    pub(crate) fn hosts_of(&self, mesh: &MeshSpec, places: &[Place]) -> Hosts {
        self.places.hosts(mesh, places)
    }

    /// Gives back the address of a place that no pod has.
    fn give_back(&mut self, place: &Place) {
        self.places.addresses.give_back(place.address);
    }

    /// Adds a pod.
    pub(crate) fn insert(&mut self, member: Arc<Member<S>>) {
        let at = self.all.partition_point(|other| other.place.order < member.place.order);
        self.all.insert(at, member);
    }

    /// Forgets a pod; its name and address are free again.
    pub(crate) fn forget(&mut self, member: &Arc<Member<S>>) {
        let before = self.all.len();
        self.all.retain(|other| !Arc::ptr_eq(other, member));
        if self.all.len() < before {
            // Another pod may have its name later.
            if let Some(named) = self.named.get_mut(&member.place.group) {
                named.retain(|name| *name != member.place.name);
            }
            self.give_back(&member.place);
        }
    }

    /// The pod of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Member<S>>, RuntimeError> {
        let found = self.all.iter().find(|member| member.place.name == name);
        found
            .cloned()
            .ok_or_else(|| RuntimeError::UnknownPod { pod: name.to_owned() })
    }

    /// The containers that a target means.
    pub(crate) fn slots(&self, target: &Target) -> Result<Vec<Arc<S>>, RuntimeError> {
        self.get(&target.pod)?.slots_of(target)
    }

    /// The containers that a target means and that live, for what can be done to a living one only. A pod that is meant
    /// as a whole needs one that lives; a container that is meant has to, which is for the container to tell.
    pub(crate) fn living(&self, action: &'static str, target: &Target) -> Result<Vec<Arc<S>>, RuntimeError> {
        let all = self.slots(target)?;
        if target.container.is_some() {
            return Ok(all);
        }
        let living: Vec<_> = all.iter().filter(|slot| slot.state().is_alive()).cloned().collect();
        if living.is_empty() {
            return Err(RuntimeError::WrongState {
                action,
                target: target.clone(),
                state: all.first().map_or(ContainerState::NotStarted, |slot| slot.state()),
            });
        }
        Ok(living)
    }

    /// All pods, in order.
    pub(crate) fn all(&self) -> &[Arc<Member<S>>] {
        &self.all
    }

    /// All pods as they are now.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        self.all.iter().map(|member| member.pod()).collect()
    }

    /// All pods, for the ledger.
    pub(crate) fn listed(&self) -> Vec<LedgerPod> {
        let listed = |member: &Arc<Member<S>>| LedgerPod {
            name: member.place.name.clone(),
            group: member.place.group.clone(),
            address: member.place.address,
            published: sockets(member),
        };
        self.all.iter().map(listed).collect()
    }
}

/// Where this machine reaches the ports of a pod that are elsewhere than usual.
fn sockets<S: Stateful>(member: &Member<S>) -> BTreeMap<Port, SocketAddr> {
    let pod = member.pod();
    let usual = |port: &Port| pod.socket(*port) == SocketAddr::new(pod.address, port.number());
    let others = Port::ALL.into_iter().filter(|port| !usual(port));
    others.map(|port| (port, pod.socket(port))).collect()
}

/// Does something to each of some containers at the same time; the first error, once all are through.
pub(crate) async fn each<S, F>(
    slots: impl IntoIterator<Item = Arc<S>>,
    act: impl Fn(Arc<S>) -> F,
) -> Result<(), RuntimeError>
where
    F: Future<Output = Result<(), RuntimeError>>,
{
    join_all(slots.into_iter().map(act)).await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_pod_leads_nowhere() {
        for name in ["pet", "pet-1", "a.b", "4"] {
            check_name(name).expect(name);
        }
        for name in [
            "",
            ".",
            "..",
            "../pet",
            "/etc/passwd",
            "a/b",
            "a\0",
            "a\n",
            "-x",
            "a b",
            "\u{1b}[2J",
        ] {
            let error = check_name(name).expect_err("it is no name").to_string();
            assert!(!error.contains('\u{1b}') && !error.contains('\n'), "{error:?}");
        }
    }
}
