//! `envoy`: what Envoys say of themselves on their admin interfaces.

use std::{fmt, time::Duration};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{self, Deserializer, SeqAccess, Visitor},
};

use super::{
    contract::{Impact, Verb, list},
    logged::LoggedExpectations,
};
use crate::{
    expression::Expression,
    observation::ENVOY_VARIABLES,
    scenario::{
        check::{Check, Kept},
        quantity::{Bound, Time},
        race::{self, Race},
        split::{CounterShare, Misses, strictness},
        value::OneOrMany,
    },
    suggest::did_you_mean,
    yaml::At,
};

/// What `/ready` can say (Envoy's `ServerInfo.State`), and that nothing answers.
const READY: [&str; 5] = ["LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING", "unreachable"];

/// Ends of names of gauges: what is, and not what has happened. From Envoy's documentation of its statistics (cluster
/// manager, control plane, server); every other statistic is taken for a counter.
const GAUGES: [&str; 24] = [
    ".membership_total",
    ".membership_healthy",
    ".membership_degraded",
    ".membership_excluded",
    ".max_host_weight",
    ".version",
    ".warming_state",
    "control_plane.connected_state",
    "listener_manager.workers_started",
    "runtime.num_keys",
    "runtime.num_layers",
    "server.concurrency",
    "server.days_until_first_cert_expiring",
    "server.live",
    "server.memory_allocated",
    "server.memory_heap_size",
    "server.memory_physical_size",
    "server.parent_connections",
    "server.state",
    "server.total_connections",
    "server.uptime",
    "_active",
    "_draining",
    "_open",
];

/// Judges what an Envoy's admin interface says.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EnvoyStep {
    /// The pods whose Envoys are asked; of several, each must hold.
    pub envoy: At<OneOrMany<At<String>>>,
    /// What `/ready` says: `LIVE`, `PRE_INITIALIZING`, `INITIALIZING`, `DRAINING`, or `unreachable`.
    pub ready: Option<At<String>>,
    /// The endpoints of clusters, in any order.
    #[serde(default)]
    pub endpoints: IndexMap<At<String>, Endpoints>,
    /// Counters and gauges.
    #[serde(default)]
    pub stats: IndexMap<At<String>, Bound>,
    /// What part of a counter another one is.
    pub share: Option<At<CounterShare>>,
    /// With `share`: the most probable that a right one fails; 1e-6 by default.
    pub false_alarm: Option<At<f64>>,
    /// With `share`: from when on one is wrong, and the most probable that it passes.
    pub misses: Option<At<Misses>>,
    /// The lines of its access log since the case began, or since `since`.
    pub logged: Option<At<LoggedExpectations>>,
    /// `stats`, `share` and `logged` are of the differences to what was kept under this name.
    pub since: Option<At<String>>,
    /// The name under which later steps know what was seen (the stats that begin with `cluster.`, `http.` or `listener.`).
    pub keep: Option<At<String>>,
    /// Becomes true within this time.
    pub within: Option<Time>,
    /// With `within`: they have to be true so often in a row.
    pub in_a_row: Option<At<u32>>,
    /// Stays true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// CEL over `ready`, `stats`, `endpoints`.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

/// The endpoints that a cluster should have.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum Endpoints {
    /// So many.
    Count(u32),
    /// These pods.
    Pods(Vec<String>),
}

impl<'de> Deserialize<'de> for Endpoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An untagged enum would forget where its parts were written.
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Endpoints;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of endpoints, or a list of pods")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let number =
                    u32::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
                Ok(Endpoints::Count(number))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut pods = Vec::new();
                while let Some(pod) = seq.next_element()? {
                    pods.push(pod);
                }
                Ok(Endpoints::Pods(pods))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What has to be asked of an Envoy for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Its counters and gauges; none is all of them.
    pub stats: Option<Vec<&'a str>>,
    /// Its endpoints.
    pub endpoints: bool,
}

impl EnvoyStep {
    /// What has to be asked: all where it is kept, or an expression says what of it is looked at.
    pub fn asked(&self) -> Asked<'_> {
        let says = |name: &str| self.that.iter().any(|text| text.contains(name));
        let share = self.share.iter().flat_map(|share| [&share.part, &share.of]);
        let names = self.stats.keys().chain(share).map(|name| name.value.as_str());
        let is_kept = self.keep.is_some();
        Asked {
            stats: (!is_kept && !says("stats")).then(|| names.collect()),
            endpoints: is_kept || !self.endpoints.is_empty() || says("endpoints"),
        }
    }

    /// What is asked can fail.
    fn check_can_fail(&self, check: &mut Check<'_>) {
        for (name, bound) in &self.stats {
            // What a gauge was before may have been more.
            let may_fall = self.since.is_some() && is_gauge(&name.value);
            let always = if may_fall { None } else { bound.always(None) };
            let help = "for example `\">= 1\"`, or `0`; that Envoy has it at all is `that: \"'NAME' in stats\"`";
            check.bound(check.value(&["stats", name.as_str()]), always, help);
        }
        check.awaited(self.expects() || self.keep.is_none(), "ready: LIVE");
    }

    fn check_since(&self, check: &mut Check<'_>) {
        let Some(since) = &self.since else { return };
        if check.kept.get(&since.value) != Some(&Kept::Envoy) {
            let known: Vec<&str> = check
                .kept
                .iter()
                .filter(|(_, what)| **what == Kept::Envoy)
                .map(|(name, _)| name.as_str())
                .collect();
            let help = match known.is_empty() {
                true => format!(
                    "add a step such as `{{envoy: petstore-1, keep: {}}}` before it",
                    since.value
                ),
                false => did_you_mean(since, known),
            };
            check.wrong(
                since.place,
                format!("no `envoy` step before this one kept `{}`", since.value),
                "unknown name",
                help,
            );
        }
        if check.are_several(&self.envoy) {
            check.wrong(
                since.place,
                "`since` compares one Envoy with itself",
                "several are asked",
                "name one pod",
            );
        }
        if self.stats.is_empty() && self.logged.is_none() {
            check.wrong(
                check.key(&["since"]),
                "`since` compares `stats` or `logged`, and this step has none",
                "compares nothing",
                "add `stats`",
            );
        }
    }

    /// What is said of a counter's share can be noticed, and is said of one.
    fn check_share(&self, check: &mut Check<'_>) {
        let Some(share) = &self.share else {
            for key in ["false-alarm", "misses"] {
                if !check.has(key) {
                    continue;
                }
                let help = "say which counter is what part of which, such as `share: {part: A, of: B, is: 25%}`";
                check.wrong(
                    check.key(&[key]),
                    format!("`{key}` goes with `share`"),
                    "there is no `share`",
                    help,
                );
            }
            return;
        };
        let strict = strictness(
            self.false_alarm.as_ref().map(|at| at.value),
            self.misses.as_ref().map(|at| at.value),
        );
        let is = share.is.share();
        let place = self.misses.as_ref().map_or(share.place, |misses| misses.place);
        let furthest = is.max(1.0 - is);
        let probability = |value: f64| value > 0.0 && value < 0.5;
        if !probability(strict.false_alarm) || !probability(strict.miss) {
            let help = "both are more than 0 and below 0.5, such as 1e-6 and 1e-3";
            check.wrong(
                place,
                "not a probability of a false alarm, or of a miss",
                "out of range",
                help,
            );
        } else if !(strict.shift > 0.0 && strict.shift <= furthest) {
            let message = format!("this share cannot be off by {} percentage points", strict.shift * 100.0);
            let help = format!("`shift` is more than 0 and here {:.0} at the most", furthest * 100.0);
            check.wrong(place, message, "never noticed", help);
        }
    }
}

impl Verb for EnvoyStep {
    fn describe(&self) -> String {
        format!("envoy of {}", list(&self.envoy))
    }

    fn check(&self, check: &mut Check<'_>) {
        check.at_least_one(&self.envoy);
        self.envoy.iter().for_each(|pod| check.with_envoy(pod));
        if !self.expects() && self.keep.is_none() {
            let help = "add `ready`, `stats`, `share`, `endpoints`, `logged` or `that`";
            check.wrong(
                check.verb(),
                "this step expects nothing of the Envoy",
                "no expectation",
                help,
            );
        }
        if let Some(ready) = self.ready.as_ref().filter(|ready| !READY.contains(&ready.as_str())) {
            let help = did_you_mean(ready, READY);
            check.wrong(
                ready.place,
                format!("`/ready` never says `{}`", ready.value),
                "unknown state",
                help,
            );
        }
        for name in self.stats.keys() {
            check_stat(check, name);
        }
        if let Some(share) = &self.share {
            check_stat(check, &share.part);
            check_stat(check, &share.of);
        }
        for (cluster, endpoints) in &self.endpoints {
            if let Endpoints::Pods(pods) = endpoints {
                for (index, pod) in pods.iter().enumerate() {
                    let place = check.item(&["endpoints", cluster.as_str()], index);
                    check.pod_or_group(&At {
                        place,
                        value: pod.clone(),
                    });
                }
            }
        }
        self.check_can_fail(check);
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        check.in_a_row(self.in_a_row.as_ref());
        self.check_since(check);
        self.check_share(check);
        if let Some(logged) = &self.logged {
            logged.check(check, logged);
        }
        check.reason(self.because.as_ref());
        check.expressions(&self.that, &ENVOY_VARIABLES);
        check.keep_of_one(&self.envoy, self.keep.as_ref());
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.ready.is_some()
            || self.share.is_some()
            || self.logged.is_some()
            || !self.stats.is_empty()
            || !self.endpoints.is_empty()
            || !self.that.is_empty()
    }

    fn impact(&self) -> Impact {
        Impact::None
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        let mut names = self.stats.keys();
        let counts = self.share.is_some() || names.any(|name| !is_gauge(&name.value));
        (self.since.is_none() && counts) || self.that.iter().any(|text| asks_for_counters(text, views))
    }

    fn races(&self) -> Vec<Race> {
        let state = self.ready.as_ref().filter(|_| self.because.is_none());
        let pods = || self.envoy.iter().map(|pod| pod.value.clone());
        state
            .and_then(|state| race::passing(pods(), state))
            .into_iter()
            .collect()
    }

    fn takes(&self) -> Duration {
        takes(self.within, self.for_)
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Envoy))
    }
}

/// How long it is expected to take to ask an Envoy.
pub(super) fn takes(within: Option<Time>, for_: Option<Time>) -> Duration {
    match (for_, within) {
        (Some(time), _) => time.0,
        (_, Some(limit)) => limit.0.min(Duration::from_millis(300)),
        _ => Duration::from_millis(10),
    }
}

/// A name that no counter or gauge can have.
fn check_stat(check: &mut Check<'_>, name: &At<String>) {
    let parts = || name.split('.');
    if parts().count() < 2 || parts().any(str::is_empty) || name.contains(char::is_whitespace) {
        check.wrong(
            name.place,
            format!("`{}` cannot be the name of a counter or gauge", name.value),
            "not a name",
            "write it as the admin interface has it at `/stats`, such as `cluster.pet.upstream_rq_total`",
        );
    }
}

/// Whether an expression asks for counters, as far as can be told without holding it. `views` are the names of what `envoy`
/// steps kept.
pub(super) fn asks_for_counters(text: &str, views: &[&str]) -> bool {
    // What does not compile was told when the file was read.
    let Ok(expression) = Expression::compile(text) else {
        return true;
    };
    let refers = expression.refers();
    if refers.variables.iter().any(|name| views.contains(&name.as_str())) {
        return true;
    }
    let mut names = refers.texts.iter().filter(|text| text.contains('.')).peekable();
    refers.variables.iter().any(|name| name == "stats") && (names.peek().is_none() || names.any(|name| !is_gauge(name)))
}

/// Whether a statistic is known to be a gauge, which may fall.
pub(crate) fn is_gauge(name: &str) -> bool {
    GAUGES.iter().any(|end| name.ends_with(end)) || name.contains(".remaining_")
}
