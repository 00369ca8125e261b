//! `capacity`: a search for the highest rate that meets a bound.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    contract::{Impact, Verb},
    expect::{ExpectStep, Since},
    sent::SentRequests,
    target::Target,
};
use crate::{
    scenario::{
        check::Check,
        quantity::{Bound, Rate, Share, Time, TimeBound},
        race::{self, Race},
    },
    yaml::At,
};

/// How long a rate is tried where the step does not say.
const EACH: Time = Time(Duration::from_secs(2));

/// How long the search may take where the step does not say.
const WITHIN: Time = Time(Duration::from_secs(30));

/// The rates between which is searched where the step does not say, in requests a second.
const BETWEEN: [Rate; 2] = [Rate(10.0), Rate(5000.0)];

/// Searches for the highest rate at which all that is expected of it holds: from the lower rate on each is twice the one before, until one
/// does not hold; then between the last two.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacityStep {
    /// The name of the search, for reports.
    pub capacity: At<String>,
    /// What is sent.
    #[serde(rename = "$sent")]
    #[schemars(flatten)]
    pub sent: SentRequests,
    /// Where it goes.
    #[serde(rename = "$to")]
    #[schemars(flatten)]
    pub to: Target,
    /// The lowest and the highest rate that are tried; `[10/s, 5000/s]` by default.
    pub between: Option<At<Vec<At<Rate>>>>,
    /// How long each rate is tried; 2s by default.
    pub each: Option<At<Time>>,
    /// How long the search may take; 30s by default.
    pub within: Option<At<Time>>,
    /// How many errors a rate may have, or which share of the requests.
    pub errors: Option<At<Share>>,
    /// Half of the answers come within.
    pub p50: Option<At<TimeBound>>,
    /// 95 of 100 answers come within.
    pub p95: Option<At<TimeBound>>,
    /// 99 of 100 answers come within.
    pub p99: Option<At<TimeBound>>,
    /// Every answer comes within.
    pub max: Option<At<TimeBound>>,
    /// The highest rate at which all of it holds is at least this.
    pub at_least: At<Rate>,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
}

impl CapacityStep {
    /// The lowest and the highest rate, in requests a second.
    pub fn rates(&self) -> (f64, f64) {
        match self.between.as_ref().map(|between| between.value.as_slice()) {
            Some([low, high]) => (low.0, high.0),
            _ => (BETWEEN[0].0, BETWEEN[1].0),
        }
    }

    /// How long each rate is tried.
    pub fn each(&self) -> Duration {
        self.each.as_ref().map_or(EACH, |each| each.value).0
    }

    /// How long the search may take.
    pub fn within(&self) -> Duration {
        self.within.as_ref().map_or(WITHIN, |within| within.value).0
    }

    /// What is expected of each rate: what is said, and no errors where nothing is said of them.
    pub fn expected(&self) -> ExpectStep {
        let none = At {
            place: self.capacity.place,
            value: Share {
                bound: Bound {
                    comparison: crate::scenario::quantity::Comparison::Equal,
                    value: 0.0,
                },
                percent: false,
            },
        };
        ExpectStep {
            expect: self.capacity.clone(),
            for_: None,
            within: None,
            window: None,
            since: Since::Start,
            errors: Some(self.errors.clone().unwrap_or(none)),
            requests: None,
            statuses: indexmap::IndexMap::new(),
            p50: self.p50.clone(),
            p95: self.p95.clone(),
            p99: self.p99.clone(),
            max: self.max.clone(),
            error_window: None,
            gap: None,
            served: super::served::ServedExpectations::default(),
            because: None,
            that: crate::scenario::value::OneOrMany::default(),
        }
    }

    fn bounds(&self) -> [(&'static str, &Option<At<TimeBound>>); 4] {
        [
            ("p50", &self.p50),
            ("p95", &self.p95),
            ("p99", &self.p99),
            ("max", &self.max),
        ]
    }

    fn check_rates(&self, check: &mut Check<'_>) {
        let (low, high) = self.rates();
        if let Some(between) = &self.between {
            let help = "a lower and a higher rate, such as `between: [100/s, 2000/s]`";
            if between.len() != 2 {
                check.wrong(between.place, "two rates are wanted", "not two", help);
                return;
            }
            if low >= high {
                check.wrong(
                    between.place,
                    "there is nothing between these rates",
                    "not lower and higher",
                    help,
                );
                return;
            }
        }
        if !(low..=high).contains(&self.at_least.0) {
            let message = format!("{} is never tried", self.at_least.value);
            let help = format!("it is from {} to {}, which `between` says", Rate(low), Rate(high));
            check.wrong(self.at_least.place, message, "out of range", help);
        }
        let (each, within) = (self.each(), self.within());
        if each > within {
            let key = if self.each.is_some() { "each" } else { "within" };
            let help = "give the search more time, or each rate less";
            check.wrong(
                check.key(&[key]),
                "not even one rate is tried in this time",
                "never in time",
                help,
            );
        }
    }
}

impl Verb for CapacityStep {
    fn describe(&self) -> String {
        let (name, sent, over) = (&self.capacity.value, self.sent.describe(), self.to.over());
        format!("capacity {name}: {sent}{over}, at least {}", self.at_least.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        self.to.check(check);
        self.sent.check(check, &self.to);
        let name = &self.capacity;
        if name.trim().is_empty() {
            check.wrong(
                name.place,
                "a search has a name",
                "no name",
                "such as `capacity: checkout`",
            );
        }
        if let Some(errors) = &self.errors {
            check.bound(errors.place, errors.always(), "for example `errors: < 1%`");
        }
        for (name, bound) in self.bounds() {
            let Some(bound) = bound else { continue };
            check.bound(bound.place, bound.always(), format!("for example `{name}: < 100ms`"));
            if !bound.holds(Duration::ZERO) {
                let help = format!("for example `{name}: < 100ms`");
                check.wrong(
                    bound.place,
                    "a lower bound holds the better, the slower it is",
                    "not a bound to meet",
                    help,
                );
            }
        }
        self.check_rates(check);
        check.reason(self.because.as_ref());
    }

    fn expects(&self) -> bool {
        true
    }

    fn impact(&self) -> Impact {
        self.sent.impact()
    }

    fn asks_for_the_past(&self, _: &[&str]) -> bool {
        false
    }

    fn races(&self) -> Vec<Race> {
        if self.because.is_some() {
            return Vec::new();
        }
        let bounds = self.bounds();
        let bounds = bounds
            .iter()
            .filter_map(|(name, bound)| race::latency(name, bound.as_ref()?));
        race::timeout(self.to.timeout.as_ref())
            .into_iter()
            .chain(bounds)
            .collect()
    }

    fn takes(&self) -> Duration {
        self.within()
    }
}
