//! Who can be found by name in a mesh, and where.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use meshkat_model::{
    host::{Meaning, meanings},
    mesh::PodPorts,
};

/// The groups of a mesh with their pods, as host names mean them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    groups: BTreeMap<String, Group>,
    are_kept: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Group {
    pods: Vec<(String, IpAddr)>,
    changes: bool,
    ports: PodPorts,
}

/// Whom a host name means now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The addresses, in the order of the pods; none of a group that has no pods now.
    pub addresses: Vec<IpAddr>,
    /// Whether there may be others later.
    pub changes: bool,
    ports: &'a PodPorts,
}

impl Found<'_> {
    /// Where a port is that configurations give the host.
    pub fn port(&self, port: u16) -> u16 {
        self.ports.real(port)
    }

    /// The host's sockets at such a port.
    pub fn sockets(&self, port: u16) -> impl Iterator<Item = SocketAddr> {
        let port = self.port(port);
        self.addresses
            .iter()
            .map(move |address| SocketAddr::new(*address, port))
    }
}

impl Hosts {
    /// The same, where a name server answers for them: configurations keep the names, and ask it.
    #[must_use]
    pub fn kept(self) -> Self {
        Self { are_kept: true, ..self }
    }

    /// Whether configurations keep the names.
    pub fn are_kept(&self) -> bool {
        self.are_kept
    }

    /// Adds a group without pods. `changes` is whether its number of pods can.
    pub fn add_group(&mut self, group: &str, changes: bool, ports: PodPorts) {
        let pods = Vec::new();
        self.groups.insert(group.to_owned(), Group { pods, changes, ports });
    }

    /// Adds a pod to its group, after those that are there.
    pub fn add_pod(&mut self, group: &str, pod: &str, address: IpAddr) {
        let group = self.groups.entry(group.to_owned()).or_default();
        group.pods.push((pod.to_owned(), address));
    }

    /// Whom a host name means; none for a name that nobody has. A pod's name that may come is known.
    pub fn find(&self, host: &str) -> Option<Found<'_>> {
        meanings(host).into_iter().find_map(|meaning| match meaning {
            Meaning::Either(name) => self.group(&name).or_else(|| self.any_pod(&name)),
            Meaning::Group(name) => self.group(&name),
            Meaning::Pod { pod, group } => pod_of(self.groups.get(&group)?, &pod),
        })
    }

    fn group(&self, name: &str) -> Option<Found<'_>> {
        let group = self.groups.get(name)?;
        Some(Found {
            addresses: group.pods.iter().map(|(_, address)| *address).collect(),
            changes: group.changes,
            ports: &group.ports,
        })
    }

    fn any_pod(&self, name: &str) -> Option<Found<'_>> {
        let there = self.groups.values().find_map(|group| pod_of(group, name));
        // One that left, or did not come yet.
        there.or_else(|| {
            let (group, number) = name.rsplit_once('-')?;
            let is_number = number.parse::<u32>().is_ok_and(|number| number > 0);
            let group = self.groups.get(group).filter(|group| group.changes && is_number)?;
            Some(Found {
                addresses: Vec::new(),
                changes: true,
                ports: &group.ports,
            })
        })
    }

    /// The names of all groups and pods.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        let pods = self.groups.values().flat_map(|group| &group.pods);
        names.extend(pods.map(|(pod, _)| pod.as_str()));
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn pod_of<'a>(group: &'a Group, pod: &str) -> Option<Found<'a>> {
    let (_, address) = group.pods.iter().find(|(name, _)| name == pod)?;
    Some(Found {
        addresses: vec![*address],
        changes: group.changes,
        ports: &group.ports,
    })
}

/// Groups of one pod that has the group's name.
impl<const N: usize> From<[(String, IpAddr); N]> for Hosts {
    fn from(pods: [(String, IpAddr); N]) -> Self {
        let mut hosts = Self::default();
        for (name, address) in pods {
            hosts.add_pod(&name, &name, address);
        }
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_a_group_or_one_of_its_pods() {
        let mut hosts = Hosts::default();
        let ports = PodPorts {
            moved: [(80, 10_080)].into(),
            ..PodPorts::default()
        };
        hosts.add_group("pet", true, ports);
        hosts.add_pod("pet", "pet-1", [127, 0, 1, 1].into());
        hosts.add_pod("pet", "pet-2", [127, 0, 1, 2].into());
        let found = |name: &str| hosts.find(name).map(|found| found.addresses.len());
        for (name, count) in [
            ("pet", Some(2)),
            ("pet.shop", Some(2)),
            ("pet.shop.svc.cluster.local", Some(2)),
            ("pet-2", Some(1)),
            ("pet-2.pet.shop.svc.cluster.local", Some(1)),
            ("pet-3", Some(0)),
            ("pet-0", None),
            ("pet-1.shop.svc.cluster.local", None),
            ("pets", None),
            ("pet.example.com", None),
        ] {
            assert_eq!(found(name), count, "{name}");
        }
        let pet = hosts.find("pet").unwrap();
        assert_eq!((pet.port(80), pet.port(8080)), (10_080, 8080));
        assert_eq!(hosts.names(), ["pet", "pet-1", "pet-2"]);
    }
}
