//! What a service of Kubernetes is called.

use std::borrow::Cow;

use crate::name::ServiceName;

/// What a cluster's DNS calls services, after the namespace. The short form is the DNS of a pod's search path.
const ENDINGS: [&str; 2] = [".svc.cluster.local", ".svc"];

/// The longest label of DNS, in bytes.
const LONGEST_LABEL: usize = 63;

/// A service of Kubernetes. Both parts are labels of DNS, as Kubernetes has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceKey {
    name: String,
    namespace: String,
    listed: ServiceName,
}

impl ServiceKey {
    /// `None` if there is no such service: one of the two is no label.
    pub(crate) fn new(name: &str, namespace: &str) -> Option<Self> {
        if !is_label(name) || !is_label(namespace) {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            listed: format!("{name}.{namespace}").parse().ok()?,
        })
    }

    /// The name that it is listed under: with its namespace, so that it means the same to everybody.
    pub(crate) fn listed(&self) -> ServiceName {
        self.listed.clone()
    }
}

/// The names that services go by, seen from one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    own: String,
}

impl Names {
    /// `own` is the namespace of a service that is called by its name alone.
    pub(crate) fn new(own: String) -> Self {
        Self { own }
    }

    /// The name under which a service is listed that is called by any of its names; `None` if no service has such a name.
    pub(crate) fn listed<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        let ending = ENDINGS.into_iter().find(|ending| name.ends_with(ending));
        let plain = ending.and_then(|ending| name.strip_suffix(ending)).unwrap_or(name);
        match (plain.split('.').count(), ending) {
            (1, None) => Some(Cow::Owned(format!("{plain}.{}", self.own))),
            // A namespace may be called `svc`.
            (1, Some(".svc")) => Some(Cow::Borrowed(name)),
            (2, _) => Some(Cow::Borrowed(plain)),
            _ => None,
        }
    }

    /// All other names of a service.
    pub(crate) fn aliases(&self, service: &ServiceKey) -> Vec<ServiceName> {
        let listed = &service.listed;
        let mut aliases: Vec<String> = ENDINGS.iter().map(|ending| format!("{listed}{ending}")).collect();
        if service.namespace == self.own {
            aliases.push(service.name.clone());
        }
        aliases.iter().filter_map(|name| name.parse().ok()).collect()
    }
}

/// Whether a text can be the name of a namespace or a service (RFC 1123).
pub(super) fn is_label(text: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new("shop".to_owned())
    }

    #[test]
    fn every_name_of_a_service_leads_to_the_one_that_is_listed() {
        let key = ServiceKey::new("pet", "shop").unwrap();
        let mut all: Vec<_> = names().aliases(&key).iter().map(ToString::to_string).collect();
        assert_eq!(all, ["pet.shop.svc.cluster.local", "pet.shop.svc", "pet"]);
        all.push(key.listed().to_string());
        for name in all {
            assert_eq!(names().listed(&name).as_deref(), Some("pet.shop"), "{name}");
        }
    }

    #[test]
    fn a_name_alone_is_of_the_own_namespace() {
        let key = ServiceKey::new("pet", "other").unwrap();
        let aliases: Vec<_> = names().aliases(&key).iter().map(ToString::to_string).collect();
        assert_eq!(aliases, ["pet.other.svc.cluster.local", "pet.other.svc"]);
        assert_eq!(names().listed("pet.svc").as_deref(), Some("pet.svc"));
    }

    #[test]
    fn what_is_no_name_of_a_service_leads_nowhere() {
        for name in [
            "pet.shop.pod",
            "pet.svc.cluster.local",
            "a.b.c.svc",
            "pet.shop.svc.example.org",
        ] {
            assert_eq!(names().listed(name), None, "{name}");
        }
        for name in ["", "a.b", "Pet", "-pet", "pet-", "p_t", &"a".repeat(64)] {
            assert_eq!(ServiceKey::new(name, "shop"), None, "{name}");
        }
    }
}
