//! `check`: expressions over what earlier steps kept.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    contract::{AT_ONCE, Impact, Verb, list},
    envoy,
};
use crate::{
    scenario::{check::Check, value::OneOrMany},
    yaml::At,
};

/// Holds expressions over what was kept and over the pods.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckStep {
    /// CEL over `pods`, `params` and what earlier steps kept.
    pub check: At<OneOrMany<At<String>>>,
}

impl Verb for CheckStep {
    fn describe(&self) -> String {
        format!("check {}", list(&self.check))
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.check.is_empty() {
            check.wrong(
                self.check.place,
                "nothing is checked",
                "an empty list",
                "write an expression, or remove the step",
            );
        }
        check.expressions(&self.check, &[]);
    }

    fn expects(&self) -> bool {
        !self.check.is_empty()
    }

    fn impact(&self) -> Impact {
        Impact::None
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        self.check.iter().any(|text| envoy::asks_for_counters(text, views))
    }

    fn takes(&self) -> Duration {
        AT_ONCE
    }
}
