//! Host names that configurations hold, and whom of a mesh they mean.

use crate::mesh::{GroupSpec, MeshSpec};

/// Whom a host name can mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A group or a pod of this name.
    Either(String),
    /// All pods of a group.
    Group(String),
    /// One pod of a group.
    Pod {
        /// The pod's name.
        pod: String,
        /// Its group's.
        group: String,
    },
}

/// What a host name can mean, as the names of Kubernetes' DNS are made: `pet`, `pet-1`, `pet.NAMESPACE`, `pet.NAMESPACE.svc`,
/// `pet.NAMESPACE.svc.cluster.local`, and of one pod `pet-1.pet` or `pet-1.pet.NAMESPACE.svc…`. Namespaces are not looked at,
/// and an underscore is a hyphen.
/// Nothing for a name that is made in another way.
pub fn meanings(host: &str) -> Vec<Meaning> {
    // Names of groups have no underscores, and compose files have many.
    let host = host
        .strip_suffix('.')
        .unwrap_or(host)
        .to_ascii_lowercase()
        .replace('_', "-");
    let of_cluster = host
        .strip_suffix(".svc.cluster.local")
        .or_else(|| host.strip_suffix(".svc"));
    let labels: Vec<&str> = of_cluster.unwrap_or(&host).split('.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return Vec::new();
    }
    let group = |name: &str| Meaning::Group(name.to_owned());
    let pod = |pod: &str, group: &str| Meaning::Pod {
        pod: pod.to_owned(),
        group: group.to_owned(),
    };
    match (labels.as_slice(), of_cluster.is_some()) {
        ([name], false) => vec![Meaning::Either((*name).to_owned())],
        ([name, second], false) => vec![group(name), pod(name, second)],
        ([name, _], true) => vec![group(name)],
        ([name, of, _], true) => vec![pod(name, of)],
        _ => Vec::new(),
    }
}

impl MeshSpec {
    /// Whether a host name is that of a group or of a pod that the mesh has at the start.
    pub fn has_host(&self, host: &str) -> bool {
        !self.groups_of_host(host).is_empty()
    }

    /// The groups that a host name can mean, or one of whose pods it can mean.
    pub fn groups_of_host(&self, host: &str) -> Vec<&str> {
        let meanings = meanings(host);
        let groups = self.groups.iter().map(|(group, spec)| (group.as_str(), spec));
        let is_meant = |group: &str, spec: &GroupSpec| {
            let has_pod = |pod: &str| spec.pod_names(group).iter().any(|name| name == pod);
            meanings.iter().any(|meaning| match meaning {
                Meaning::Either(name) => group == name || has_pod(name),
                Meaning::Group(name) => group == name,
                Meaning::Pod { pod, group: of } => group == of && has_pod(pod),
            })
        };
        let meant = groups.filter(|(group, spec)| is_meant(group, spec));
        meant.map(|(group, _)| group).collect()
    }

    /// The group that a host name means, or one of whose pods it means, also one that the mesh does not have at the start.
    pub fn group_of_host(&self, host: &str) -> Option<&str> {
        let group = |name: &str| self.groups.get_key_value(name).map(|(name, _)| name.as_str());
        meanings(host).iter().find_map(|meaning| match meaning {
            Meaning::Either(name) => group(name).or_else(|| group(name.rsplit_once('-')?.0)),
            Meaning::Group(name) => group(name),
            Meaning::Pod { group: of, .. } => group(of),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::GroupSpec;

    #[test]
    fn a_host_name_means_a_group_also_by_a_pod_that_is_not_there() {
        let pet = GroupSpec {
            application: None,
            envoy: None,
            overlays: Vec::new(),
            replicas: Some(2),
            started: true,
            registered: true,
        };
        let mesh = MeshSpec {
            name: "pets".to_owned(),
            groups: [("pet".to_owned(), pet)].into(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        };
        for host in ["pet", "pet-1", "PET-9", "pet.shop", "pet-9.pet.shop.svc.cluster.local"] {
            assert_eq!(mesh.group_of_host(host), Some("pet"), "{host}");
        }
        for host in ["pets", "petshop-1", "www.example.com", ""] {
            assert_eq!(mesh.group_of_host(host), None, "{host}");
        }
    }

    #[test]
    fn names_are_made_as_those_of_kubernetes() {
        let group = Meaning::Group("pet".to_owned());
        let pod = Meaning::Pod {
            pod: "pet-1".to_owned(),
            group: "pet".to_owned(),
        };
        assert_eq!(meanings("Pet."), [Meaning::Either("pet".to_owned())]);
        assert_eq!(meanings("web_service"), [Meaning::Either("web-service".to_owned())]);
        for name in [
            "pet.shop.svc",
            "pet.default.svc.cluster.local",
            "pet.default.svc.cluster.local.",
        ] {
            assert_eq!(meanings(name), std::slice::from_ref(&group), "{name}");
        }
        assert_eq!(meanings("pet-1.pet")[1], pod);
        assert_eq!(meanings("pet-1.pet.shop.svc.cluster.local"), [pod]);
        assert_eq!(meanings("pet.shop")[0], group);
        for name in ["", ".", "pet..svc", "www.example.com", "pet.svc.cluster.local.example"] {
            let meant = meanings(name);
            assert!(!meant.contains(&group), "{name}: {meant:?}");
        }
    }
}
