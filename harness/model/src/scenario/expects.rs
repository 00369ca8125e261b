//! Which steps expect something, and what names they bring.

use super::step::{EnvoyStep, ExpectStep, RequestStep, Step};
use crate::yaml::At;

impl RequestStep {
    /// Whether something is expected that only an answer can have.
    pub(super) fn expects_answer(&self) -> bool {
        self.status.is_some()
            || self.text.is_some()
            || self.contains.is_some()
            || self.json.is_some()
            || self.served_by.is_some()
            || !self.response_headers.is_empty()
            || !self.distinct.is_empty()
            || self.split.is_some()
    }
}

impl ExpectStep {
    /// Whether anything is expected of the load.
    pub(super) fn expects(&self) -> bool {
        self.errors.is_some()
            || self.requests.is_some()
            || !self.statuses.is_empty()
            || [&self.p50, &self.p95, &self.p99, &self.max]
                .iter()
                .any(|bound| bound.is_some())
            || self.served_by.is_some()
            || !self.distinct.is_empty()
            || self.split.is_some()
            || !self.that.is_empty()
    }
}

impl EnvoyStep {
    /// Whether anything is expected of the Envoy.
    pub(super) fn expects(&self) -> bool {
        self.ready.is_some()
            || self.share.is_some()
            || !self.stats.is_empty()
            || !self.endpoints.is_empty()
            || !self.that.is_empty()
    }
}

impl Step {
    /// Whether the step holds an expectation against what is seen.
    pub(super) fn expects(&self) -> bool {
        match self {
            Self::Expect(expect) => expect.expects(),
            Self::Envoy(envoy) => envoy.expects(),
            Self::Check(check) => !check.check.is_empty(),
            other => other
                .request()
                .is_some_and(|request| request.expects_answer() || request.error.is_some() || !request.that.is_empty()),
        }
    }

    /// The name under which later steps know what this one saw.
    pub(super) fn keep(&self) -> Option<&At<String>> {
        match self {
            Self::Envoy(envoy) => envoy.keep.as_ref(),
            other => other.request()?.keep.as_ref(),
        }
    }

    /// The name of the load that this step starts.
    pub(super) fn load(&self) -> Option<&At<String>> {
        match self {
            Self::Load(load) => Some(&load.load),
            _ => None,
        }
    }
}
