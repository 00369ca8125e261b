//! `network`: what happens between pods.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use super::contract::{Impact, Verb, list};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    network::NetworkFault,
    scenario::{
        check::Check,
        quantity::{Percent, Time},
        value::OneOrMany,
    },
    yaml::At,
};

/// Gives what pods send one another a fault, or undoes that.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetworkStep {
    /// What happens to it.
    pub network: At<Network>,
    /// Pods, or groups: between each of them and everybody else. With `restored`: only what these have a part in.
    pub of: Option<At<OneOrMany<At<String>>>>,
    /// Two names of pods or groups: between each pod of the one and each pod of the other.
    #[schemars(with = "Option<[String; 2]>")]
    pub between: Option<At<OneOrMany<At<String>>>>,
    /// With `slow`: how much longer a packet is on its way, in each direction.
    pub delay: Option<At<Time>>,
    /// With `lossy`: the share of packets that is lost, in each direction.
    pub loss: Option<At<Percent>>,
    /// With `restored`: how long it may take until the network is whole and every Envoy has acknowledged its endpoints; 10s
    /// by default.
    pub within: Option<Time>,
}

impl NetworkStep {
    /// The fault that is made; none for `restored`. A delay or a loss that is missing, which the checks before a run refuse,
    /// is none at all.
    pub fn fault(&self) -> Option<NetworkFault> {
        Some(match self.network.value {
            Network::Disconnected => NetworkFault::Disconnect,
            Network::BlackHoled => NetworkFault::BlackHole,
            Network::Refusing => NetworkFault::Refuse,
            Network::Slow => NetworkFault::Latency {
                delay: self.delay.as_ref().map_or(Duration::ZERO, |delay| delay.value.0),
            },
            Network::Lossy => NetworkFault::Loss {
                share: self.loss.as_ref().map_or(0.0, |loss| loss.value.share()),
            },
            Network::Restored => return None,
        })
    }

    /// Keys that say nothing of what happens.
    fn check_keys(&self, check: &mut Check<'_>) {
        let what = self.network.value;
        let belongs = [
            (
                "between",
                self.between.is_some() && self.of.is_none(),
                !matches!(what, Network::Disconnected | Network::Restored),
                match what {
                    Network::Disconnected => {
                        "a pod is off the network for everybody: name it with `of`; `black-holed` is between two"
                    }
                    _ => "name pods with `of`: what they have a part in is restored; without it, all is",
                },
            ),
            (
                "delay",
                self.delay.is_some(),
                what == Network::Slow,
                "it goes with `slow`; remove it",
            ),
            (
                "loss",
                self.loss.is_some(),
                what == Network::Lossy,
                "it goes with `lossy`; remove it",
            ),
            (
                "within",
                self.within.is_some(),
                what == Network::Restored,
                "it goes with `restored`; whatever else happens is waited for; remove it",
            ),
        ];
        for (key, is_there, fits, help) in belongs {
            if is_there && !fits {
                let message = format!("`{key}` says nothing of a network that is `{what}`");
                check.wrong(check.key(&[key]), message, "does not belong here", help);
            }
        }
    }

    /// How slow, and how lossy.
    fn check_quantities(&self, check: &mut Check<'_>) {
        let missing = match self.network.value {
            Network::Slow if self.delay.is_none() => Some(("how slow?", "add `delay`, such as `delay: 50ms`")),
            Network::Lossy if self.loss.is_none() => Some(("how lossy?", "add `loss`, such as `loss: 20%`")),
            _ => None,
        };
        if let Some((label, help)) = missing {
            let message = format!("a network that is `{}` has no measure", self.network.value);
            check.wrong(check.key(&["network"]), message, label, help);
        }
        if let Some(delay) = self.delay.as_ref().filter(|delay| delay.value.0.is_zero()) {
            let help = "for example `delay: 50ms`";
            check.wrong(delay.place, "a delay of nothing changes nothing", "no delay", help);
        }
    }
}

/// What happens to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The pods are taken off it, with their addresses: nobody reaches them, and nobody is told.
    Disconnected,
    /// What is sent vanishes: connections stay open, and nobody is told.
    BlackHoled,
    /// New connections are refused at once, and open ones are reset.
    Refusing,
    /// Every packet takes longer.
    Slow,
    /// Some packets are lost.
    Lossy,
    /// All of it is undone.
    Restored,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "disconnected",
            Self::BlackHoled => "black-holed",
            Self::Refusing => "refusing",
            Self::Slow => "slow",
            Self::Lossy => "lossy",
            Self::Restored => "restored",
        })
    }
}

impl Verb for NetworkStep {
    fn describe(&self) -> String {
        let by = match (&self.delay, &self.loss) {
            (Some(delay), _) => format!(" by {}", delay.value),
            (_, Some(loss)) => format!(", {} lost", loss.value),
            _ => String::new(),
        };
        let whose = match (&self.of, &self.between) {
            (Some(of), _) => format!(" of {}", list(of)),
            (_, Some(between)) => {
                let names: Vec<&str> = between.iter().map(|name| name.as_str()).collect();
                format!(" between {}", names.join(" and "))
            }
            _ => String::new(),
        };
        format!("network {}{by}{whose}", self.network.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        self.check_keys(check);
        self.check_quantities(check);
        match (&self.of, &self.between) {
            (Some(_), Some(_)) => {
                let place = check.later("of", "between");
                let help =
                    "`of` is everything that a pod sends, `between` what two send one another; keep one of the two";
                check.wrong(
                    place,
                    "a network has a fault `of` somebody or `between` two, not both",
                    "beside the other",
                    help,
                );
            }
            (None, None) if self.network.value != Network::Restored => {
                let help = match self.network.value {
                    Network::Disconnected => "add `of`, such as `of: pet-1`",
                    _ => "add `between: [petstore, pet-1]`, or `of: pet-1` for all that it sends",
                };
                check.wrong(check.key(&["network"]), "nobody is named", "whose network?", help);
            }
            _ => {}
        }
        if let Some(of) = &self.of {
            check.at_least_one(of);
            of.iter().for_each(|name| on_network(check, name));
        }
        if let Some(between) = &self.between {
            check_between(check, between);
        }
    }

    fn expects(&self) -> bool {
        false
    }

    fn impact(&self) -> Impact {
        Impact::Lasting
    }

    fn asks_for_the_past(&self, _: &[&str]) -> bool {
        false
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// There is nothing to undo where nothing could be done.
    fn needs(&self, _: &MeshSpec) -> Vec<Capability> {
        self.fault().map(NetworkFault::needs).into_iter().collect()
    }
}

fn check_between(check: &mut Check<'_>, between: &At<OneOrMany<At<String>>>) {
    between.iter().for_each(|name| on_network(check, name));
    let [one, other] = &between[..] else {
        let message = format!("`between` names two, and not {}", between.len());
        let help = "for example `between: [petstore, pet-1]`; a group stands for all of its pods";
        check.wrong(between.place, message, "not two", help);
        return;
    };
    if one.value == other.value {
        let message = format!("there is no network between `{}` and itself", one.value);
        let help = "name another pod or group; `of` is between it and everybody else";
        check.wrong(other.place, message, "the same once more", help);
    }
}

/// A pod or a group, whatever it holds.
fn on_network(check: &mut Check<'_>, name: &At<String>) {
    match name.split_once('/') {
        Some((pod, _)) => {
            let help = format!("write `{pod}`");
            let message = format!("`{}` has no network of its own: its pod has", name.value);
            check.wrong(name.place, message, "a container", help);
        }
        None => check.pod_or_group(name),
    }
}
