//! The steps of a scenario, as they are written: one verb each.

mod network;

use std::fmt;

use indexmap::IndexMap;
pub use network::{Network, NetworkStep};
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{self, Deserializer, MapAccess, SeqAccess, Visitor},
};

use super::{
    quantity::{Bound, Rate, Share, Time, TimeBound},
    split::{CounterShare, Misses, Split},
    value::{Body, Connections, Json, OneOrMany, Statuses},
};
use crate::yaml::At;

/// One step: a mapping with the key that is its verb. The order of the variants decides where a mapping has several of
/// these keys: a load has a `get`, too.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(untagged)]
pub enum Step {
    /// Steady requests in the background.
    Load(Box<LoadStep>),
    /// Judges a load.
    Expect(Box<ExpectStep>),
    /// Ends a load before the case ends.
    StopLoad(StopLoadStep),
    /// Makes an application fail on purpose.
    Fault(Box<FaultStep>),
    /// Ends the faults of an application.
    Heal(HealStep),
    /// Judges what an Envoy says of itself.
    Envoy(Box<EnvoyStep>),
    /// Changes how many pods a group has.
    Scale(ScaleStep),
    /// Sets the hosts of services in the registry.
    Register(RegisterStep),
    /// Takes services out of the registry.
    Unregister(UnregisterStep),
    /// Does something to the discovery service, or restores it.
    Discovery(Box<DiscoveryStep>),
    /// Harms what pods send one another, or repairs it.
    Network(Box<NetworkStep>),
    /// Starts what is not running.
    Start(StartStep),
    /// Stops gracefully (SIGTERM).
    Stop(StopStep),
    /// Kills (SIGKILL).
    Kill(KillStep),
    /// Freezes (SIGSTOP).
    Pause(PauseStep),
    /// Lets go on what is frozen (SIGCONT).
    Resume(ResumeStep),
    /// Holds expressions over what was kept.
    Check(CheckStep),
    /// A GET request.
    Get(Box<RequestStep>),
    /// A HEAD request.
    Head(Box<RequestStep>),
    /// A POST request.
    Post(Box<RequestStep>),
    /// A PUT request.
    Put(Box<RequestStep>),
    /// A PATCH request.
    Patch(Box<RequestStep>),
    /// A DELETE request.
    Delete(Box<RequestStep>),
}

/// One request, or the same one several times, and what is expected of the answers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestStep {
    /// GET this path.
    pub get: Option<At<String>>,
    /// HEAD this path.
    pub head: Option<At<String>>,
    /// POST to this path.
    pub post: Option<At<String>>,
    /// PUT to this path.
    pub put: Option<At<String>>,
    /// PATCH this path.
    pub patch: Option<At<String>>,
    /// DELETE this path.
    pub delete: Option<At<String>>,
    /// Through the inbound listener of this pod's Envoy. The ingress where nothing else is said.
    pub at: Option<At<String>>,
    /// Through the outbound listener of this pod's Envoy, as its application would; `host` names the target.
    pub from: Option<At<String>>,
    /// Past every Envoy, straight at this pod's application.
    pub straight_to: Option<At<String>>,
    /// The `Host` header.
    pub host: Option<String>,
    /// Further headers to send.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// The body to send: a text as it is, anything else as JSON.
    pub body: Option<Body>,
    /// How long one answer may take; 6s where nothing is said.
    pub timeout: Option<Time>,
    /// Over which connections: `fresh`, a new one for each request, or so many, in turn. Where nothing is said, over those that all
    /// requests and loads of the case share.
    pub connections: Option<At<Connections>>,
    /// How often the request is sent, one after the other; each answer is judged.
    pub times: Option<At<u32>>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know the last answer.
    pub keep: Option<At<String>>,
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
    /// The pods, or the groups of pods, of which one answered.
    pub served_by: Option<At<OneOrMany<String>>>,
    /// How many different pods of a group took part in answering, over all requests of this step.
    #[serde(default)]
    pub distinct: IndexMap<At<String>, Bound>,
    /// How the requests are split: the part of each pod or group, or `{GROUP: evenly}`.
    pub split: Option<At<Split>>,
    /// With `split`: the most probable that a right one fails; 1e-6 where nothing is said.
    pub false_alarm: Option<At<f64>>,
    /// With `split`: from when on one is wrong, and the most probable that it passes.
    pub misses: Option<At<Misses>>,
    /// No answer, but this: `refused`, `reset`, `timeout`, or `any`.
    pub error: Option<At<TransportError>>,
    /// CEL over `status`, `headers`, `text`, `json`, `served_by`, `duration_ms`, `error`.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportError {
    /// Nobody listens.
    Refused,
    /// The connection broke before the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// Whichever.
    Any,
}

/// Steady requests in the background, until `stop-load` or the end of the case.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LoadStep {
    /// The load's name.
    pub load: At<String>,
    /// GET this path.
    pub get: At<String>,
    /// Through the inbound listener of this pod's Envoy. The ingress where nothing else is said.
    pub at: Option<At<String>>,
    /// Through the outbound listener of this pod's Envoy.
    pub from: Option<At<String>>,
    /// Past every Envoy, straight at this pod's application.
    pub straight_to: Option<At<String>>,
    /// The `Host` header.
    pub host: Option<String>,
    /// Further headers to send.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// Requests a second, each sent when it is due, whatever became of those before.
    pub rate: Rate,
    /// How long one answer may take; 6s where nothing is said.
    pub timeout: Option<Time>,
    /// Over which connections: `fresh`, a new one for each request, or so many; a request waits for one that is free. Where nothing is
    /// said, over those that all requests and loads of the case share.
    pub connections: Option<At<Connections>>,
}

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
    /// The window for `within`; 500ms where nothing is said.
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
    /// The pods, or the groups, by which all answers were served.
    pub served_by: Option<At<OneOrMany<String>>>,
    /// How many different pods of a group took part in answering.
    #[serde(default)]
    pub distinct: IndexMap<At<String>, Bound>,
    /// How the requests are split: the part of each pod or group, or `{GROUP: evenly}`.
    pub split: Option<At<Split>>,
    /// With `split`: the most probable that a right one fails; 1e-6 where nothing is said.
    pub false_alarm: Option<At<f64>>,
    /// With `split`: from when on one is wrong, and the most probable that it passes.
    pub misses: Option<At<Misses>>,
    /// CEL over `requests`, `errors`, `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `statuses`, `served_by`, `failures`.
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

/// Ends a load.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StopLoadStep {
    /// The load's name.
    pub stop_load: At<String>,
}

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
    /// The share of requests that it happens to; 1 where nothing is said.
    pub probability: Option<f64>,
    /// The paths that it happens to, as prefixes; all where nothing is said.
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
    /// With `share`: the most probable that a right one fails; 1e-6 where nothing is said.
    pub false_alarm: Option<At<f64>>,
    /// With `share`: from when on one is wrong, and the most probable that it passes.
    pub misses: Option<At<Misses>>,
    /// `stats` and `share` are of the differences to what was kept under this name.
    pub since: Option<At<String>>,
    /// The name under which later steps know what was seen (the stats that begin with `cluster.`, `http.` or `listener.`).
    pub keep: Option<At<String>>,
    /// Becomes true within this time.
    pub within: Option<Time>,
    /// Stays true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
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

/// The hosts that a service is to have.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum Hosts {
    /// The first so many pods of the group that is called like the service.
    First(u32),
    /// These pods, or all of these groups.
    Pods(Vec<At<String>>),
    /// These pods or groups, each with its weight.
    Weighted(IndexMap<At<String>, At<u32>>),
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An untagged enum would forget where its parts were written.
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Hosts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of pods, pods with weights, or how many of the group's pods")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pods = IndexMap::new();
                while let Some((pod, weight)) = map.next_entry()? {
                    pods.insert(pod, weight);
                }
                Ok(Hosts::Weighted(pods))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let number =
                    u32::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
                Ok(Hosts::First(number))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut pods = Vec::new();
                while let Some(pod) = seq.next_element()? {
                    pods.push(pod);
                }
                Ok(Hosts::Pods(pods))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Changes how many pods groups have. Pods that come are registered once they run; pods that go are taken out of the
/// registry, and stopped once no Envoy has them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleStep {
    /// The number for each group.
    pub scale: IndexMap<At<String>, At<u32>>,
    /// How long the mesh may take to follow; 10s where nothing is said.
    pub within: Option<Time>,
}

/// Sets the hosts of services in the registry, and waits until every live Envoy has them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterStep {
    /// For each service, the pods (or groups) that are its hosts, as a list or with the weight of each; an empty list says
    /// that it has none.
    pub register: IndexMap<At<String>, Hosts>,
    /// How long the mesh may take to follow; 10s where nothing is said.
    pub within: Option<Time>,
    /// Do not wait for the mesh to follow.
    #[serde(default)]
    pub unawaited: bool,
}

/// Takes services out of the registry. Envoys keep the endpoints that they have.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnregisterStep {
    /// The services.
    pub unregister: At<OneOrMany<At<String>>>,
}

/// Does something to the discovery service, or undoes it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiscoveryStep {
    /// What happens to it.
    pub discovery: At<Discovery>,
    /// With `slow`: how much later it answers; 500ms where nothing is said.
    pub delay: Option<Time>,
    /// With `flapping`: how long it answers, and then does not; 300ms where nothing is said.
    pub every: Option<Time>,
    /// Only for these pods' Envoys (or these groups'); for all where nothing is said. Not with `killed`, `hung`, `restored`.
    pub only_for: Option<At<OneOrMany<At<String>>>>,
    /// With `restored`: what the registry says of these services from then on.
    #[serde(default)]
    pub endpoints: IndexMap<At<String>, Hosts>,
    /// With `restored`: whether the registry is the one that it had.
    pub registry: Option<At<RegistryThen>>,
    /// With `restored`: how long it may take until every Envoy has acknowledged what is true; 10s where nothing is said.
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

/// Makes a step type for a verb that has only targets.
macro_rules! target_step {
    ($name:ident, $verb:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Pods (`pet-1`), one container of a pod (`pet-1/envoy`, `pet-1/application`), or groups (`pet`).
            pub $verb: At<OneOrMany<At<String>>>,
        }
    };
}

target_step!(
    StopStep,
    stop,
    "Stops gracefully (SIGTERM); what is in flight finishes."
);
target_step!(KillStep, kill, "Kills (SIGKILL). The registry keeps the pod.");
target_step!(
    PauseStep,
    pause,
    "Freezes (SIGSTOP): connections stay open, nothing answers."
);
target_step!(ResumeStep, resume, "Lets go on what is frozen (SIGCONT).");

/// Starts what is not running, and waits until it is ready.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartStep {
    /// Pods (`pet-1`), one container of a pod (`pet-1/envoy`), or groups (`pet`).
    pub start: At<OneOrMany<At<String>>>,
    /// How long it may take to be ready; 10s where nothing is said.
    pub within: Option<Time>,
    /// With `sds`: it comes back with a registry of its own and not with the one that it had.
    #[serde(default)]
    pub empty: bool,
}

/// Holds expressions over what was kept and over the pods.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckStep {
    /// CEL over `pods`, `params` and what earlier steps kept.
    pub check: At<OneOrMany<At<String>>>,
}
