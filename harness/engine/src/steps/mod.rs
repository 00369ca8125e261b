//! What each verb does.

mod admin;
mod bytes;
mod capacity;
mod container;
mod cookies;
mod discovery;
mod envoy;
mod fault;
mod grpc;
mod load;
mod logged;
mod look;
mod network;
mod pods;
mod received;
mod registry;
mod request;
mod scale;
mod tls;
mod websocket;

use container::Signal;
pub(crate) use load::result;
pub(crate) use logged::Marks;
use meshkat_model::{filled::filled, scenario::verb::Step, verdict, yaml::At};
pub(crate) use received::Before;

use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    /// Does one step and judges it, with the values of earlier answers to which it refers.
    pub(crate) async fn step(&mut self, step: &At<Step>) -> Result<(), Broken> {
        match self.case.written.get(&step.place.offset) {
            None => self.done(step).await,
            Some(written) => {
                let filled = filled(written, self.kept())?;
                self.done(&filled).await
            }
        }
    }

    async fn done(&mut self, step: &Step) -> Result<(), Broken> {
        match step {
            Step::Load(step) => self.load(step),
            Step::Capacity(step) => self.capacity(step).await,
            Step::Expect(step) => self.expect(step).await,
            Step::StopLoad(step) => self.stop_load(step).await,
            Step::Fault(step) => self.fault(step).await,
            Step::Heal(step) => self.heal(step).await,
            Step::Envoy(step) => self.envoy(step).await,
            Step::Admin(step) => self.admin(step).await,
            Step::Scale(step) => self.scale(step).await,
            Step::Register(step) => self.register(step).await,
            Step::Unregister(step) => self.unregister(step).await,
            Step::Discovery(step) => self.discovery(step).await,
            Step::Network(step) => self.network(step).await,
            Step::Start(step) => self.start(step).await,
            Step::Stop(step) => self.signal(Signal::Stop, &step.stop).await,
            Step::Kill(step) => self.signal(Signal::Kill, &step.kill).await,
            Step::Pause(step) => self.signal(Signal::Pause, &step.pause).await,
            Step::Resume(step) => self.signal(Signal::Resume, &step.resume).await,
            Step::Check(step) => {
                let checks = verdict::expressions(&step.check, &self.surroundings());
                Ok(self.judge(checks)?)
            }
            Step::Grpc(step) => self.grpc(step).await,
            Step::Websocket(step) => self.websocket(step).await,
            Step::Tcp(step) => self.tcp(step).await,
            Step::Raw(step) => self.raw(step).await,
            Step::Request(step) => self.request(step).await,
            Step::Received(step) => self.received(step).await,
        }
    }
}
