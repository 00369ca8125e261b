//! `register`, `unregister`: the hosts of services in the registry.

use std::{fmt, time::Duration};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{self, Deserializer, MapAccess, SeqAccess, Visitor},
};

use super::contract::{AT_ONCE, Impact, Verb, list};
use crate::{
    scenario::{check::Check, quantity::Time, value::OneOrMany},
    yaml::At,
};

/// The hosts that a service is to have.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum Hosts {
    /// The first so many pods of the group that is called like the service.
    First(u32),
    /// These pods, or all of these groups.
    Pods(Vec<At<String>>),
    /// These pods or groups, each with its weight.
    Weighted(IndexMap<At<String>, At<u32>>),
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An untagged enum would forget where its parts were written.
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Hosts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of pods, pods with weights, or how many of the group's pods")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pods = IndexMap::new();
                while let Some((pod, weight)) = map.next_entry()? {
                    pods.insert(pod, weight);
                }
                Ok(Hosts::Weighted(pods))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let number =
                    u32::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
                Ok(Hosts::First(number))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut pods = Vec::new();
                while let Some(pod) = seq.next_element()? {
                    pods.push(pod);
                }
                Ok(Hosts::Pods(pods))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Sets the hosts of services in the registry, and waits until every live Envoy has them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterStep {
    /// For each service, the pods (or groups) that are its hosts, as a list or with the weight of each; an empty list says
    /// that it has none.
    pub register: IndexMap<At<String>, Hosts>,
    /// How long the mesh may take to follow; 10s by default.
    pub within: Option<Time>,
    /// Do not wait for the mesh to follow.
    #[serde(default)]
    pub unawaited: bool,
}

/// Takes services out of the registry. Envoys keep the endpoints that they have.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnregisterStep {
    /// The services.
    pub unregister: At<OneOrMany<At<String>>>,
}

impl Verb for RegisterStep {
    fn describe(&self) -> String {
        format!("register {}", services(&self.register))
    }

    fn check(&self, check: &mut Check<'_>) {
        check.needs_sds();
        check_hosts(check, "register", &self.register);
        if self.unawaited && self.within.is_some() {
            let help = "`within` is how long the mesh may take; remove one of the two";
            check.wrong(
                check.key(&["within"]),
                "what is not awaited has no time",
                "beside `unawaited`",
                help,
            );
        }
    }

    fn expects(&self) -> bool {
        false
    }

    fn impact(&self) -> Impact {
        // Envoys apply weights later, and nobody can ask whether they have.
        let mut hosts = self.register.values();
        match hosts.any(|hosts| matches!(hosts, Hosts::Weighted(_))) {
            true => Impact::Lasting,
            false => Impact::Repairable,
        }
    }

    fn asks_for_the_past(&self, _: &[&str]) -> bool {
        false
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(100)
    }
}

impl Verb for UnregisterStep {
    fn describe(&self) -> String {
        format!("unregister {}", list(&self.unregister))
    }

    fn check(&self, check: &mut Check<'_>) {
        check.needs_sds();
        check.at_least_one(&self.unregister);
        self.unregister.iter().for_each(|service| check.group(service));
    }

    fn expects(&self) -> bool {
        false
    }

    fn impact(&self) -> Impact {
        Impact::Repairable
    }

    fn asks_for_the_past(&self, _: &[&str]) -> bool {
        false
    }

    fn takes(&self) -> Duration {
        AT_ONCE
    }
}

/// Services with their hosts, as a sentence has them.
pub(super) fn services(services: &IndexMap<At<String>, Hosts>) -> String {
    let services = services.iter().map(|(service, hosts)| {
        let hosts = match hosts {
            Hosts::First(count) => count.to_string(),
            Hosts::Weighted(pods) => {
                let pods = pods
                    .iter()
                    .map(|(pod, weight)| format!("{} with {}", pod.value, weight.value));
                pods.collect::<Vec<_>>().join(", ")
            }
            Hosts::Pods(pods) if pods.is_empty() => "none".to_owned(),
            Hosts::Pods(pods) => pods.iter().map(|pod| pod.value.as_str()).collect::<Vec<_>>().join(", "),
        };
        format!("{}: {hosts}", service.value)
    });
    services.collect::<Vec<_>>().join("; ")
}

/// The services below `key`, each with its hosts.
pub(super) fn check_hosts(check: &mut Check<'_>, key: &str, services: &IndexMap<At<String>, Hosts>) {
    for (service, hosts) in services {
        check.group(service);
        match hosts {
            Hosts::Pods(pods) => pods.iter().for_each(|pod| check.pod_or_group(pod)),
            Hosts::Weighted(pods) => {
                for (pod, weight) in pods {
                    check.pod_or_group(pod);
                    if weight.value == 0 {
                        let help = "a weight is 1 or more; leave out whoever is to get nothing";
                        check.wrong(weight.place, "0 is not a weight", "out of range", help);
                    }
                }
                if key != "register" {
                    let help = "give the pods as a list, and their weights in a `register` after it";
                    check.wrong(
                        check.value(&[key, service.as_str()]),
                        "weights go with `register`",
                        "not here",
                        help,
                    );
                }
            }
            Hosts::First(count) => {
                let most = check.most(service).unwrap_or(*count);
                if *count > most {
                    let help = format!("`{}` has {most} at the most; `scale` gives it more", service.value);
                    let message = format!("`{}` never has {count} pods", service.value);
                    check.wrong(check.value(&[key, service.as_str()]), message, "too many", help);
                }
            }
        }
    }
}
