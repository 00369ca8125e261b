//! `expect`: what is expected of a load.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    contract::{AT_ONCE, Impact, Verb},
    envoy,
    served::ServedExpectations,
};
use crate::{
    observation::WINDOW_VARIABLES,
    scenario::{
        check::Check,
        quantity::{Bound, Share, Time, TimeBound},
        race::{self, Race},
        value::OneOrMany,
    },
    yaml::At,
};

/// The window of `within` where the step does not say.
pub const WINDOW: Duration = Duration::from_millis(500);

/// What expressions call the latencies of a window.
const LATENCIES: [&str; 8] = [
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "gap_ms",
    "queue_p50_ms",
    "queue_p99_ms",
    "queue_max_ms",
];

/// Judges a window of a load. An error is a request without an answer, or with a status of 400 or more.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectStep {
    /// The load's name.
    pub expect: At<String>,
    /// Judges the requests that fall due from now on for this time. Without it, and without `within`: all since the load
    /// began, or since `since`.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// Becomes true of the latest `window` within this time.
    pub within: Option<Time>,
    /// The window for `within`; 500ms by default.
    pub window: Option<Time>,
    /// The window begins where the last `expect` of this load ended, and not where the load began.
    #[serde(default)]
    pub since: Since,
    /// How many errors, or which share of the requests.
    pub errors: Option<At<Share>>,
    /// How many requests.
    pub requests: Option<At<Bound>>,
    /// How many answers of each status.
    #[serde(default)]
    pub statuses: IndexMap<At<u16>, Share>,
    /// Half of the answers came within.
    pub p50: Option<At<TimeBound>>,
    /// 95 of 100 answers came within.
    pub p95: Option<At<TimeBound>>,
    /// 99 of 100 answers came within.
    pub p99: Option<At<TimeBound>>,
    /// Every answer came within.
    pub max: Option<At<TimeBound>>,
    /// From when the first failed request was due to when the last one was.
    pub error_window: Option<At<TimeBound>>,
    /// The longest time in which no answer came.
    pub gap: Option<At<TimeBound>>,
    /// Who is to serve.
    #[serde(rename = "$served")]
    #[schemars(flatten)]
    pub served: ServedExpectations,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// CEL over `requests`, `errors`, `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `queue_p50_ms`, `queue_p99_ms`, `queue_max_ms`,
    /// `error_window_ms`, `gap_ms`, `statuses`, `served_by`, `failures`.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

/// Where a load's window begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// Where the load began.
    #[default]
    Start,
    /// Where the last `expect` of this load ended.
    LastExpect,
}

impl ExpectStep {
    /// The quantiles of latencies with their names.
    fn quantiles(&self) -> [(&'static str, &Option<At<TimeBound>>); 4] {
        [
            ("p50", &self.p50),
            ("p95", &self.p95),
            ("p99", &self.p99),
            ("max", &self.max),
        ]
    }

    fn check_load(&self, check: &mut Check<'_>) {
        let Some(load) = check.loads.get_mut(&self.expect.value) else {
            check.unknown_load(&self.expect);
            return;
        };
        load.judged = true;
        let running = load.running;
        if let Some(time) = ["for", "within"].into_iter().find(|key| !running && check.has(key)) {
            let message = "this load was stopped: no request falls due any more";
            check.wrong(
                check.key(&[time]),
                message,
                "waits for a stopped load",
                "judge it before `stop-load`",
            );
        }
    }

    fn check_bounds(&self, check: &mut Check<'_>) {
        if let Some(errors) = &self.errors {
            let help = "for example `errors: 0` or `errors: < 1%`";
            check.bound(errors.place, errors.always(), help);
        }
        if let Some(requests) = &self.requests {
            let help = "for example `requests: \">= 100\"`";
            check.bound(requests.place, requests.always(None), help);
        }
        for (name, bound) in self.quantiles() {
            if let Some(bound) = bound {
                check.bound(bound.place, bound.always(), format!("for example `{name}: < 100ms`"));
            }
        }
        for (name, bound) in [("error-window", &self.error_window), ("gap", &self.gap)] {
            if let Some(bound) = bound {
                check.bound(bound.place, bound.always(), format!("for example `{name}: < 500ms`"));
            }
        }
        for (status, share) in &self.statuses {
            check.bound(
                check.value(&["statuses", &status.value.to_string()]),
                share.always(),
                "for example `statuses: {200: 100%}`",
            );
            if !(100..=599).contains(&status.value) {
                let message = format!("`{}` is not an HTTP status", status.value);
                check.wrong(status.place, message, "out of range", "it is a number from 100 to 599");
            }
        }
    }
}

impl Verb for ExpectStep {
    fn describe(&self) -> String {
        let time = match (self.for_, self.within) {
            (Some(time), _) => format!(" for {time}"),
            (_, Some(time)) => format!(" within {time}"),
            _ => String::new(),
        };
        format!("expect of {}{time}", self.expect.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        self.check_load(check);
        if !self.expects() {
            check.wrong(
                check.verb(),
                "this step expects nothing of the load",
                "no expectation",
                "add one, such as `errors: 0`",
            );
        }
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        let size = self.window.map_or(WINDOW, |time| time.0);
        if let Some(within) = self.within.filter(|within| within.0 < size) {
            let window = if self.window.is_some() { "window" } else { "within" };
            check.wrong(
                check.key(&[window]),
                format!("a window of {size:?} does not end within {within}"),
                "never in time",
                "give it more time, or a shorter `window` (500 ms where nothing is said)",
            );
        }
        if self.window.is_some() && self.within.is_none() {
            let help = "with `for: 2s` the window is these 2 seconds; with neither, it is all since the load began";
            check.wrong(
                check.key(&["window"]),
                "`window` goes with `within`",
                "there is no `within`",
                help,
            );
        }
        if let Some(time) = ["for", "within"]
            .into_iter()
            .find(|key| check.has("since") && check.has(key))
        {
            let help = format!("`{time}` says which requests are judged; remove one of the two");
            check.wrong(
                check.key(&["since"]),
                format!("`since` does not go with `{time}`"),
                "one of them too many",
                help,
            );
        }
        self.check_bounds(check);
        self.served.check(check, None);
        check.reason(self.because.as_ref());
        check.expressions(&self.that, &WINDOW_VARIABLES);
    }

    fn expects(&self) -> bool {
        self.errors.is_some()
            || self.requests.is_some()
            || !self.statuses.is_empty()
            || self.quantiles().iter().any(|(_, bound)| bound.is_some())
            || self.error_window.is_some()
            || self.gap.is_some()
            || self.served.expects()
            || !self.that.is_empty()
    }

    fn impact(&self) -> Impact {
        Impact::Repairable
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        self.that.iter().any(|text| envoy::asks_for_counters(text, views))
    }

    fn races(&self) -> Vec<Race> {
        if self.because.is_some() {
            return Vec::new();
        }
        let quantiles = self.quantiles();
        let bounds = quantiles
            .iter()
            .filter_map(|(name, bound)| race::latency(name, bound.as_ref()?));
        let texts = self.that.iter().filter_map(|text| race::expression(text, &LATENCIES));
        let gap = self.gap.as_ref().and_then(|gap| race::latency("gap", gap));
        bounds.chain(gap).chain(texts).collect()
    }

    fn takes(&self) -> Duration {
        match (self.for_, self.within) {
            (Some(time), _) => time.0,
            // What has to become true begins with a whole window.
            (_, Some(_)) => self.window.map_or(WINDOW, |time| time.0) * 2,
            _ => AT_ONCE,
        }
    }
}
