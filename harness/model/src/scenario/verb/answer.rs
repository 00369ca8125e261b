//! What an answer must be: the same keys for all that ask over HTTP.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::envoy;
use crate::{
    observation::RESPONSE_VARIABLES,
    scenario::{
        check::Check,
        value::{Json, OneOrMany, Statuses},
    },
    yaml::At,
};

/// What HTTP knows as the status of an answer: an interim one is none, but for the change to another protocol.
const ANSWERS: std::ops::RangeInclusive<u16> = 200..=599;

/// What an answer must be. The keys are those of the step itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AnswerExpectations {
    /// The status, or the statuses of which it is one.
    pub status: Option<At<Statuses>>,
    /// Headers of the answer; `null` for one that must not be there.
    #[serde(default)]
    pub response_headers: IndexMap<At<String>, Option<String>>,
    /// The whole body.
    pub text: Option<At<String>>,
    /// A part of the body.
    pub contains: Option<At<OneOrMany<String>>>,
    /// What the JSON body has at least.
    pub json: Option<At<Json>>,
    /// CEL over `status`, `headers`, `text`, `json`, `served_by`, `duration_ms`, `error`.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

impl AnswerExpectations {
    /// Whether something is expected that only an answer can have.
    pub(crate) fn expects_answer(&self) -> bool {
        self.status.is_some()
            || self.text.is_some()
            || self.contains.is_some()
            || self.json.is_some()
            || !self.response_headers.is_empty()
    }

    /// What is expected can fail.
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if let Some(statuses) = &self.status
            && ANSWERS.clone().all(|status| statuses.0.contains(&status))
        {
            let help = "name those that may come; that there is an answer at all is `that: error == null`";
            check.always(statuses.place, help);
        }
        for (index, part) in self.contains.iter().flat_map(|parts| parts.iter()).enumerate() {
            if part.is_empty() {
                let place = check.item(&["contains"], index);
                check.always(place, "every body has an empty part; write what it is to contain");
            }
        }
        check.expressions(&self.that, &RESPONSE_VARIABLES);
    }

    /// Whether an expression asks what an Envoy has counted before the case.
    pub(super) fn asks_for_the_past(&self, views: &[&str]) -> bool {
        self.that.iter().any(|text| envoy::asks_for_counters(text, views))
    }
}
