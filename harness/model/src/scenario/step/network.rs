//! `network`: what happens between pods.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    network::NetworkFault,
    scenario::{
        quantity::{Percent, Time},
        value::OneOrMany,
    },
    yaml::At,
};

/// Harms what pods send one another, or repairs it.
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
    /// where nothing is said.
    pub within: Option<Time>,
}

impl NetworkStep {
    /// The harm that is done; none for `restored`. A delay or a loss that is missing, which the checks before a run refuse,
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
