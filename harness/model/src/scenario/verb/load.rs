//! `load`, `stop-load`: requests in the background.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    contract::{AT_ONCE, Impact, Verb},
    sent::SentRequests,
    target::Target,
};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    scenario::{
        check::{Check, Load},
        quantity::{MAXIMUM_RATE_TOGETHER, Rate},
        race::{self, Race},
        rates::Rates,
    },
    yaml::At,
};

/// A load has no more clients than these.
const MOST_CLIENTS: u32 = 1000;

/// Requests in the background, until `stop-load` or the end of the case.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LoadStep {
    /// The load's name.
    pub load: At<String>,
    /// What it sends.
    #[serde(rename = "$sent")]
    #[schemars(flatten)]
    pub sent: SentRequests,
    /// Where it goes.
    #[serde(rename = "$to")]
    #[schemars(flatten)]
    pub to: Target,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// Requests a second, each sent when it is due, whatever became of those before: a rate, or a list of steps (`{rate, for}`) and
    /// ramps (`{from, to, over}`).
    pub rate: Option<At<Rates>>,
    /// So many clients in place of a rate, each of which sends its next request when the one before has ended.
    pub clients: Option<At<u32>>,
}

/// Ends a load.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StopLoadStep {
    /// The load's name.
    pub stop_load: At<String>,
}

impl LoadStep {
    /// It has a rate, or clients.
    fn check_pace(&self, check: &mut Check<'_>) {
        match (&self.rate, &self.clients) {
            (None, None) => {
                let help = "say how much it sends: `rate: 100/s`, or `clients: 8`";
                check.wrong(
                    check.verb(),
                    "this load has neither a rate nor clients",
                    "how much is sent",
                    help,
                );
            }
            (Some(_), Some(_)) => {
                let help = "clients send as soon as they can, and a rate says when: choose one";
                check.wrong(
                    check.later("rate", "clients"),
                    "`rate` does not go with `clients`",
                    "one too many",
                    help,
                );
            }
            (Some(rate), None) => rate.check(check, rate.place),
            (None, Some(clients)) if !(1..=MOST_CLIENTS).contains(&clients.value) => {
                let message = format!("{} clients are out of range", clients.value);
                check.wrong(
                    clients.place,
                    message,
                    "out of range",
                    format!("from 1 to {MOST_CLIENTS}"),
                );
            }
            (None, Some(_)) => {}
        }
    }

    /// What runs at the same time is not more than this machine can be asked for.
    fn check_rates(&self, check: &mut Check<'_>) {
        let Some(rate) = &self.rate else { return };
        let others = check.loads.values().filter(|other| other.running);
        let others: Vec<f64> = others.map(|other| other.rate).collect();
        let before: f64 = others.iter().sum();
        let sum = before + rate.highest();
        // Told where the limit is passed, and not once more at each load after it.
        if sum > MAXIMUM_RATE_TOGETHER && before <= MAXIMUM_RATE_TOGETHER {
            let message = format!(
                "with this one, {} loads of {} together run at the same time; {} are the most",
                others.len() + 1,
                Rate(sum),
                Rate(MAXIMUM_RATE_TOGETHER)
            );
            let help = "give the loads lower rates, or `stop-load` one of them before this step";
            check.wrong(check.value(&["rate"]), message, "too many requests", help);
        }
    }
}

impl Verb for LoadStep {
    fn describe(&self) -> String {
        let (name, sent, over) = (&self.load.value, self.sent.describe(), self.to.over());
        let pace = match (&self.rate, &self.clients) {
            (_, Some(clients)) => format!(" by {} clients", clients.value),
            (Some(rate), _) => format!(" at {}", rate.value),
            (None, None) => String::new(),
        };
        format!("load {name}: {sent}{pace}{over}")
    }

    fn check(&self, check: &mut Check<'_>) {
        self.to.check(check);
        self.sent.check(check, &self.to);
        self.check_pace(check);
        if check.loads.contains_key(&self.load.value) {
            let message = format!("there is a load `{}` already", self.load.value);
            check.wrong(self.load.place, message, "the second one", "give it another name");
        }
        self.check_rates(check);
        check.reason(self.because.as_ref());
        let running = Load {
            place: self.load.place,
            rate: self.rate.as_ref().map_or(0.0, |rate| rate.highest()),
            judged: false,
            running: true,
        };
        check.loads.insert(self.load.value.clone(), running);
    }

    fn expects(&self) -> bool {
        false
    }

    fn impact(&self) -> Impact {
        self.sent.impact()
    }

    fn needs(&self, _: &MeshSpec) -> Vec<Capability> {
        self.to.needs()
    }

    fn asks_for_the_past(&self, _: &[&str]) -> bool {
        false
    }

    fn races(&self) -> Vec<Race> {
        let timeout = self.to.timeout.as_ref().filter(|_| self.because.is_none());
        race::timeout(timeout).into_iter().collect()
    }

    fn takes(&self) -> Duration {
        AT_ONCE
    }

    fn starts_load(&self) -> Option<&At<String>> {
        Some(&self.load)
    }
}

impl Verb for StopLoadStep {
    fn describe(&self) -> String {
        format!("stop load {}", self.stop_load.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        let name = &self.stop_load;
        match check.loads.get_mut(&name.value) {
            Some(load) if load.running => load.running = false,
            Some(_) => {
                let message = format!("the load `{}` was stopped before", name.value);
                check.wrong(name.place, message, "stopped already", "remove this step");
            }
            None => check.unknown_load(name),
        }
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
