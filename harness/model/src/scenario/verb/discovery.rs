//! `discovery`: what happens to the discovery service.

use std::{fmt, time::Duration};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    contract::{Cause, Impact, Verb, list},
    registry::{Hosts, check_hosts, services},
};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    scenario::{check::Check, quantity::Time, value::OneOrMany},
    yaml::At,
};

/// Whoever allows more than this for the discovery service to be back does not expect it at once.
const LONG: Duration = Duration::from_secs(10);

/// Does something to the discovery service, or undoes it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiscoveryStep {
    /// What happens to it.
    pub discovery: At<Discovery>,
    /// With `slow`: how much later it answers; 500ms by default.
    pub delay: Option<Time>,
    /// With `flapping`: how long it answers, and then does not; 300ms by default.
    pub every: Option<Time>,
    /// Only for these pods' Envoys (or these groups'); for all by default. Not with `killed`, `hung`, `restored`.
    pub only_for: Option<At<OneOrMany<At<String>>>>,
    /// With `restored`: what the registry says of these services from then on.
    #[serde(default)]
    pub endpoints: IndexMap<At<String>, Hosts>,
    /// With `restored`: whether the registry is the one that it had.
    pub registry: Option<At<RegistryThen>>,
    /// With `restored`: how long it may take until every Envoy has acknowledged what is true; 10s by default.
    pub within: Option<Time>,
}

/// What happens to the discovery service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Discovery {
    /// Its process is killed: connections are refused.
    Killed,
    /// Its process is frozen: connections stay open, nothing answers.
    Hung,
    /// It takes requests and streams and never answers, while its connections live.
    Silent,
    /// It cuts every connection, at once and whenever one asks.
    Cut,
    /// It answers 503, and ends streams with UNAVAILABLE.
    Refusing,
    /// It answers late.
    Slow,
    /// It answers what does not parse.
    Garbage,
    /// It answers resources that an Envoy refuses.
    Invalid,
    /// It says that no service has any hosts.
    Empty,
    /// It cuts and answers in turn.
    Flapping,
    /// All of it is undone.
    Restored,
}

impl fmt::Display for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Hung => "hung",
            Self::Silent => "silent",
            Self::Cut => "cut",
            Self::Refusing => "refusing",
            Self::Slow => "slow",
            Self::Garbage => "garbage",
            Self::Invalid => "invalid",
            Self::Empty => "empty",
            Self::Flapping => "flapping",
            Self::Restored => "restored",
        })
    }
}

/// The registry of a discovery service that is restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryThen {
    /// The one that it had.
    #[default]
    Kept,
    /// None: it has to be told everything again.
    Lost,
}

impl DiscoveryStep {
    /// Whether it comes back with a registry that knows nothing.
    pub fn is_lost(&self) -> bool {
        self.registry
            .as_ref()
            .is_some_and(|then| then.value == RegistryThen::Lost)
    }
}

impl Verb for DiscoveryStep {
    fn describe(&self) -> String {
        let endpoints = match self.endpoints.is_empty() {
            true => String::new(),
            false => format!(", {}", services(&self.endpoints)),
        };
        let lost = if self.is_lost() { " with an empty registry" } else { "" };
        let only_for = self.only_for.as_ref();
        let only_for = only_for.map_or(String::new(), |only| format!(" for {}", list(only)));
        format!("discovery {}{only_for}{lost}{endpoints}", self.discovery.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        check.needs_sds();
        let what = self.discovery.value;
        let of_process = matches!(what, Discovery::Killed | Discovery::Hung | Discovery::Restored);
        let belongs = [
            ("delay", self.delay.is_some(), what == Discovery::Slow, "`slow`"),
            ("every", self.every.is_some(), what == Discovery::Flapping, "`flapping`"),
            (
                "only-for",
                self.only_for.is_some(),
                !of_process,
                "what it does to each Envoy by itself, such as `cut` or `refusing`",
            ),
            (
                "endpoints",
                !self.endpoints.is_empty(),
                what == Discovery::Restored,
                "`restored`",
            ),
            (
                "registry",
                self.registry.is_some(),
                what == Discovery::Restored,
                "`restored`",
            ),
            (
                "within",
                self.within.is_some(),
                what == Discovery::Restored,
                "`restored`",
            ),
        ];
        for (key, is_there, fits, whose) in belongs {
            if is_there && !fits {
                let message = format!("`{key}` says nothing of a discovery service that is `{what}`");
                check.wrong(
                    check.key(&[key]),
                    message,
                    "does not belong here",
                    format!("it goes with {whose}; remove it"),
                );
            }
        }
        if let Some(only) = &self.only_for {
            check.at_least_one(only);
            only.iter().for_each(|pod| check.with_envoy(pod));
        }
        check_hosts(check, "endpoints", &self.endpoints);
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

    fn causes(&self) -> Option<Cause> {
        match self.discovery.value {
            Discovery::Killed | Discovery::Restored => Some(Cause::Restart(vec!["sds".to_owned()])),
            Discovery::Garbage | Discovery::Invalid => {
                let only = self.only_for.iter().flat_map(|only| only.iter());
                Some(Cause::Nack(only.map(|pod| pod.value.clone()).collect()))
            }
            Discovery::Hung
            | Discovery::Silent
            | Discovery::Cut
            | Discovery::Refusing
            | Discovery::Slow
            | Discovery::Empty
            | Discovery::Flapping => None,
        }
    }

    fn takes(&self) -> Duration {
        match self.discovery.value {
            // Who allows for a long time expects half of it.
            Discovery::Restored => match self.within {
                Some(within) if within.0 > LONG => within.0 / 2,
                _ => Duration::from_millis(300),
            },
            _ => Duration::from_millis(20),
        }
    }

    /// The discovery service is alone in its pod. All but its process is asked over HTTP.
    fn needs(&self, mesh: &MeshSpec) -> Vec<Capability> {
        let starts = mesh.groups.get("sds").is_some_and(|sds| !sds.started);
        match self.discovery.value {
            Discovery::Killed => vec![Capability::Kill],
            Discovery::Hung => vec![Capability::Pause],
            Discovery::Restored if self.is_lost() => vec![Capability::Kill, Capability::Stop],
            Discovery::Restored if starts => vec![Capability::Stop],
            Discovery::Restored
            | Discovery::Silent
            | Discovery::Cut
            | Discovery::Refusing
            | Discovery::Slow
            | Discovery::Garbage
            | Discovery::Invalid
            | Discovery::Empty
            | Discovery::Flapping => Vec::new(),
        }
    }
}
