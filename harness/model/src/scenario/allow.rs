//! `allows`: invariants that a case breaks on purpose.

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Check;
use crate::{invariant::Invariant, yaml::At};

/// An invariant that may break while a case of the scenario runs.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// Which.
    pub invariant: At<Invariant>,
    /// Only in this pod, or in the pods of this group; in all by default.
    pub pod: Option<At<String>>,
    /// With `error-log` and `panic`: only lines that contain this text.
    pub log: Option<At<String>>,
    /// Why the case breaks it, in a sentence.
    pub because: At<String>,
}

impl Allowance {
    /// Whether it is about what was seen of an invariant in a pod; `line` is that of a log, if it is one.
    pub fn covers(&self, invariant: Invariant, pod: &str, group: &str, line: &str) -> bool {
        let is_meant = |name: &At<String>| name.as_str() == pod || name.as_str() == group;
        self.invariant.value == invariant
            && self.pod.as_ref().is_none_or(is_meant)
            && self.log.as_ref().is_none_or(|text| line.contains(text.as_str()))
    }

    /// In one line.
    pub fn describe(&self) -> String {
        let pod = self.pod.as_ref().map(|pod| format!(" of {}", pod.value));
        let log = self.log.as_ref().map(|log| format!(" with `{}`", log.value));
        format!(
            "{}{}{}, because {}",
            self.invariant.value,
            pod.unwrap_or_default(),
            log.unwrap_or_default(),
            self.because.trim()
        )
    }

    /// Tells everything that is wrong with it in its mesh.
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if self.because.trim().is_empty() {
            let help = "say in a sentence what of the case breaks it on purpose";
            check.wrong(self.because.place, "there is no reason", "an empty text", help);
        }
        if let Some(pod) = &self.pod {
            check.pod_or_group(pod);
        }
        match &self.log {
            Some(log) if !self.invariant.value.has_lines() => {
                let message = format!("`{}` is not about lines of a log", self.invariant.value);
                let help = "it goes with `error-log` and `panic`; remove it";
                check.wrong(log.place, message, "does not belong here", help);
            }
            Some(log) if log.trim().is_empty() => {
                let help = "write a part of the line, or remove it";
                check.wrong(log.place, "every line has this text", "an empty text", help);
            }
            _ => {}
        }
    }
}
