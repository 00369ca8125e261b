//! What a service of Kubernetes is called.

use crate::name::ServiceName;

/// What a pod's search path lets one leave out after it.
const SHORT_ENDING: &str = ".svc";

/// What stands between a service and the name of one of its ports.
const PORT: char = ':';

/// The longest domain, in bytes: with a service and its namespace before it, as long as a name of DNS may be.
const LONGEST_DOMAIN: usize = 253 - 2 * (LONGEST_LABEL + 1) - ".svc".len();

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
    /// What the cluster's DNS calls services, after the namespace, the longer one first.
    endings: [String; 2],
}

impl Names {
    /// `own` is the namespace of a service that is called by its name alone, and `domain` that of the cluster's DNS.
    pub(crate) fn new(own: String, domain: &str) -> Self {
        Self {
            own,
            endings: [format!("{SHORT_ENDING}.{domain}"), SHORT_ENDING.to_owned()],
        }
    }

    /// All other names of a service.
    pub(crate) fn aliases(&self, service: &ServiceKey) -> Vec<String> {
        let listed = &service.listed;
        let mut aliases: Vec<String> = self.endings.iter().map(|ending| format!("{listed}{ending}")).collect();
        if service.namespace == self.own {
            aliases.push(service.name.clone());
        }
        aliases
    }

    /// The names of a service at one of its ports, which has this name; the port without a name has an empty one.
    pub(crate) fn at_port(&self, service: &ServiceKey, port: &str) -> Vec<String> {
        let mut names = self.aliases(service);
        names.push(service.listed.to_string());
        for name in &mut names {
            name.push(PORT);
            name.push_str(port);
        }
        names
    }
}

/// Whether a text can be the domain of a cluster's DNS.
pub(crate) fn is_domain(text: &str) -> bool {
    text.len() <= LONGEST_DOMAIN && text.split('.').all(is_label)
}

/// Whether a text can be the name of a namespace or a service (RFC 1123).
pub(crate) fn is_label(text: &str) -> bool {
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
        Names::new("shop".to_owned(), "cluster.local")
    }

    #[test]
    fn a_service_has_the_names_that_a_pod_may_call_it_by() {
        let key = ServiceKey::new("pet", "shop").unwrap();
        assert_eq!(key.listed().as_str(), "pet.shop");
        assert_eq!(
            names().aliases(&key),
            ["pet.shop.svc.cluster.local", "pet.shop.svc", "pet"]
        );
    }

    #[test]
    fn a_name_alone_is_of_the_own_namespace() {
        let key = ServiceKey::new("pet", "other").unwrap();
        let aliases = names().aliases(&key);
        assert_eq!(aliases, ["pet.other.svc.cluster.local", "pet.other.svc"]);
    }

    #[test]
    fn the_domain_of_the_cluster_may_be_another() {
        let names = Names::new("shop".to_owned(), "k8s.example.org");
        let key = ServiceKey::new("pet", "shop").unwrap();
        assert_eq!(
            names.aliases(&key),
            ["pet.shop.svc.k8s.example.org", "pet.shop.svc", "pet"]
        );
        for domain in ["cluster.local", "local", "a-1.b"] {
            assert!(is_domain(domain), "{domain}");
        }
        for domain in ["", ".local", "local.", "a..b", "Local", "a b", &"a.".repeat(99)] {
            assert!(!is_domain(domain), "{domain}");
        }
    }

    #[test]
    fn each_port_has_the_names_of_its_service() {
        let key = ServiceKey::new("pet", "shop").unwrap();
        assert_eq!(
            names().at_port(&key, "http"),
            [
                "pet.shop.svc.cluster.local:http",
                "pet.shop.svc:http",
                "pet:http",
                "pet.shop:http"
            ]
        );
        let other = ServiceKey::new("pet", "other").unwrap();
        assert_eq!(
            names().at_port(&other, ""),
            ["pet.other.svc.cluster.local:", "pet.other.svc:", "pet.other:"]
        );
    }

    #[test]
    fn what_is_no_label_is_no_service() {
        for name in ["", "a.b", "Pet", "-pet", "pet-", "p_t", &"a".repeat(64)] {
            assert_eq!(ServiceKey::new(name, "shop"), None, "{name}");
        }
    }
}
