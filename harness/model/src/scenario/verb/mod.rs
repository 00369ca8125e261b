//! The verbs of steps: one file each, with its keys and all that is known of it before it runs.
//!
//! What a verb does stands in the engine. What lists all verbs is here, and in the engine's `steps`.

pub mod admin;
pub mod answer;
pub mod capacity;
pub mod check;
pub mod container;
mod contract;
pub mod discovery;
pub mod envoy;
pub mod expect;
pub mod fault;
pub mod grpc;
pub mod load;
pub mod logged;
pub mod network;
pub mod raw;
pub mod received;
pub mod registry;
pub mod request;
pub mod scale;
mod sent;
pub mod served;
pub mod source;
pub mod target;
pub mod tcp;
pub mod tls;
pub mod transport;
pub mod websocket;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    admin::AdminStep,
    capacity::CapacityStep,
    check::CheckStep,
    container::{KillStep, PauseStep, ResumeStep, StartStep, StopStep},
    contract::Verb,
    discovery::DiscoveryStep,
    envoy::EnvoyStep,
    expect::ExpectStep,
    fault::{FaultStep, HealStep},
    grpc::GrpcStep,
    load::{LoadStep, StopLoadStep},
    network::NetworkStep,
    raw::RawStep,
    received::ReceivedStep,
    registry::{RegisterStep, UnregisterStep},
    request::RequestStep,
    scale::ScaleStep,
    tcp::TcpStep,
    websocket::WebsocketStep,
};
pub use self::{
    contract::{Cause, Impact},
    sent::SentRequests,
};

/// One step: a mapping with the key that is its verb. The order of the variants decides where a mapping has several of
/// these keys: a load has a `get`, too.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(untagged)]
pub enum Step {
    /// Requests in the background.
    Load(Box<LoadStep>),
    /// Searches for the highest rate that meets a bound.
    Capacity(Box<CapacityStep>),
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
    /// Asks or tells an Envoy by its admin interface.
    Admin(Box<AdminStep>),
    /// Changes how many pods a group has.
    Scale(ScaleStep),
    /// Sets the hosts of services in the registry.
    Register(RegisterStep),
    /// Takes services out of the registry.
    Unregister(UnregisterStep),
    /// Does something to the discovery service, or restores it.
    Discovery(Box<DiscoveryStep>),
    /// Gives what pods send one another a fault, or undoes that.
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
    /// A call of gRPC.
    Grpc(Box<GrpcStep>),
    /// A WebSocket.
    Websocket(Box<WebsocketStep>),
    /// Bytes over a connection.
    Tcp(Box<TcpStep>),
    /// Requests of HTTP/1, byte by byte.
    Raw(Box<RawStep>),
    /// A request: the verb is its method.
    #[serde(
        rename = "get",
        alias = "head",
        alias = "post",
        alias = "put",
        alias = "patch",
        alias = "delete"
    )]
    Request(Box<RequestStep>),
    /// Judges what reached backends. A request has such a key, too.
    Received(Box<ReceivedStep>),
}

impl Step {
    /// The home of its verb.
    pub(crate) fn verb(&self) -> &dyn Verb {
        match self {
            Self::Load(step) => &**step,
            Self::Capacity(step) => &**step,
            Self::Expect(step) => &**step,
            Self::StopLoad(step) => step,
            Self::Fault(step) => &**step,
            Self::Heal(step) => step,
            Self::Envoy(step) => &**step,
            Self::Admin(step) => &**step,
            Self::Scale(step) => step,
            Self::Register(step) => step,
            Self::Unregister(step) => step,
            Self::Discovery(step) => &**step,
            Self::Network(step) => &**step,
            Self::Start(step) => step,
            Self::Stop(step) => step,
            Self::Kill(step) => step,
            Self::Pause(step) => step,
            Self::Resume(step) => step,
            Self::Check(step) => step,
            Self::Grpc(step) => &**step,
            Self::Websocket(step) => &**step,
            Self::Tcp(step) => &**step,
            Self::Raw(step) => &**step,
            Self::Request(step) => &**step,
            Self::Received(step) => &**step,
        }
    }

    /// The step in one line, for reports.
    pub fn describe(&self) -> String {
        self.verb().describe()
    }

    /// How long it is expected to take: what it says itself, and else what such steps took.
    pub fn takes(&self) -> Duration {
        self.verb().takes()
    }
}
