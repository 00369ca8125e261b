//! What a pod is called, and where it is.

use std::net::IpAddr;

use meshkat_envoy::config::Hosts;
use meshkat_model::mesh::{MeshSpec, PodPorts};

use super::bootstraps::Bootstraps;
use super::roster;
use crate::{Printable, RuntimeError};

/// A pod before it has an address.
#[derive(Debug, Clone)]
pub struct PodName {
    /// Its group's name.
    pub group: String,
    /// Its own name.
    pub name: String,
    /// The numbers of its ports.
    pub ports: PodPorts,
    /// The group's place in the mesh, and the pod's number in the group.
    pub order: (usize, u32),
}

/// A pod's place in the mesh: its name, its number and its address.
#[derive(Debug, Clone)]
pub struct PodAddress {
    /// Its group's name.
    pub group: String,
    /// Its own name.
    pub name: String,
    /// Where other pods reach it.
    pub address: IpAddr,
    /// Where its own application and Envoy reach one another.
    pub loopback: IpAddr,
    /// The numbers of its ports.
    pub ports: PodPorts,
    /// The group's place in the mesh, and the pod's number in the group.
    pub order: (usize, u32),
}

impl PodName {
    /// Every pod that a mesh has at the start.
    ///
    /// # Errors
    /// A name that is none for a pod.
    pub fn initial(mesh: &MeshSpec, bootstraps: &Bootstraps) -> Result<Vec<Self>, RuntimeError> {
        let mut pods = Vec::new();
        for (index, (group, spec)) in mesh.groups.iter().enumerate() {
            for ordinal in 1..=roster::initial(spec) {
                let name = roster::pod_name(group, spec, ordinal);
                pods.push(Self::new(group, name, bootstraps, (index, ordinal))?);
            }
        }
        Ok(pods)
    }

    /// The next pod of a group.
    pub(crate) fn next(
        mesh: &MeshSpec,
        group: &str,
        bootstraps: &Bootstraps,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Self, RuntimeError> {
        let (index, _, spec) = mesh.groups.get_full(group).ok_or_else(|| RuntimeError::UnknownGroup {
            group: group.to_owned(),
        })?;
        let (ordinal, name) = roster::next_free(group, spec, is_taken);
        Self::new(group, name, bootstraps, (index, ordinal))
    }

    fn new(group: &str, name: String, bootstraps: &Bootstraps, order: (usize, u32)) -> Result<Self, RuntimeError> {
        check_name(&name)?;
        Ok(Self {
            group: group.to_owned(),
            name,
            ports: bootstraps.ports(group),
            order,
        })
    }

    /// The pod at its address; without another, its containers reach one another there, too.
    pub fn at(self, address: IpAddr, loopback: Option<IpAddr>) -> PodAddress {
        PodAddress {
            group: self.group,
            name: self.name,
            address,
            loopback: loopback.unwrap_or(address),
            ports: self.ports,
            order: self.order,
        }
    }
}

/// Whom names mean, where these pods are all that they mean.
pub fn hosts<'a>(mesh: &MeshSpec, bootstraps: &Bootstraps, pods: impl IntoIterator<Item = &'a PodAddress>) -> Hosts {
    let mut hosts = Hosts::default();
    for (name, group) in &mesh.groups {
        hosts.add_group(name, group.replicas.is_some(), bootstraps.ports(name));
    }
    for pod in pods {
        hosts.add_pod(&pod.group, &pod.name, pod.address);
    }
    hosts
}

/// A pod's name is part of the names of files and containers. Mesh files have no others; a mesh that was made by other means
/// leads nowhere else, either.
pub(crate) fn check_name(name: &str) -> Result<(), RuntimeError> {
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_name {
        return Ok(());
    }
    Err(
        RuntimeError::other(format!("`{}` is not a name for a pod", Printable(name)))
            .with_help("names have letters, digits and hyphens".to_owned()),
    )
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
