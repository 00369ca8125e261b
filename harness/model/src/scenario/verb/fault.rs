//! `fault`, `heal`: applications that fail on purpose, through their `/faults`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::contract::{AT_ONCE, Impact, Verb, list};
use crate::{
    scenario::{check::Check, quantity::Time, value::OneOrMany},
    yaml::At,
};

/// Makes an application fail on purpose, through its `/faults`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultStep {
    /// The pods.
    pub fault: At<OneOrMany<At<String>>>,
    /// Answer with this status.
    pub status: Option<u16>,
    /// Answer this much later.
    pub delay: Option<Time>,
    /// Cut the connection without an answer.
    #[serde(default)]
    pub abort: bool,
    /// The share of requests that it happens to; 1 by default.
    pub probability: Option<f64>,
    /// The paths that it happens to, as prefixes; all by default.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// Ends the faults of applications.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealStep {
    /// The pods.
    pub heal: At<OneOrMany<At<String>>>,
}

impl Verb for FaultStep {
    fn describe(&self) -> String {
        format!("fault in {}", list(&self.fault))
    }

    fn check(&self, check: &mut Check<'_>) {
        check.applications(&self.fault);
        check.can_fail_on_purpose(&self.fault);
        if self.status.is_none() && self.delay.is_none() && !self.abort {
            let help = "give it a `status`, a `delay` or `abort: true`";
            check.wrong(check.verb(), "this fault does nothing", "no effect", help);
        }
        if self.status.is_some() && self.abort {
            let help = "a connection that is cut has no answer, and so no status; keep one of the two";
            check.wrong(
                check.later("status", "abort"),
                "a fault has a `status` or `abort`, not both",
                "contradicts the other",
                help,
            );
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            let place = check.value(&["status"]);
            check.wrong(
                place,
                "a fault's status is from 200 to 599",
                "out of range",
                "for example `status: 503`",
            );
        }
        if let Some(share) = self.probability.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            let help = if share > 1.0 && share <= 100.0 {
                format!("for {share} of 100 requests write `probability: {}`", share / 100.0)
            } else {
                "for example `probability: 0.5`".to_owned()
            };
            check.wrong(
                check.value(&["probability"]),
                "a probability is more than 0 and up to 1",
                "out of range",
                help,
            );
        }
        for (index, path) in self.paths.iter().enumerate().filter(|(_, path)| !path.starts_with('/')) {
            let place = check.item(&["paths"], index);
            check.wrong(
                place,
                "a path begins with a slash",
                "not a path",
                format!("write `/{path}`"),
            );
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

impl Verb for HealStep {
    fn describe(&self) -> String {
        format!("heal {}", list(&self.heal))
    }

    fn check(&self, check: &mut Check<'_>) {
        check.applications(&self.heal);
        check.can_fail_on_purpose(&self.heal);
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
