//! What each verb does.

mod actions;
mod discovery;
mod envoy;
mod load;
mod network;
mod request;

use meshkat_model::{scenario::step::Step, verdict, yaml::At};

use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    /// Does one step and judges it.
    pub(crate) async fn step(&mut self, step: &At<Step>) -> Result<(), Broken> {
        let line = step.place.line;
        match &step.value {
            Step::Load(load) => self.load(load),
            Step::Expect(expect) => self.expect(expect).await,
            Step::StopLoad(stop) => self.stop_load(&stop.stop_load).await,
            Step::Fault(fault) => self.fault(line, fault).await,
            Step::Heal(heal) => self.heal(line, &heal.heal).await,
            Step::Envoy(envoy) => self.envoy(line, envoy).await,
            Step::Scale(scale) => self.scale(line, scale).await,
            Step::Register(register) => self.register(line, register).await,
            Step::Unregister(unregister) => self.unregister(line, unregister).await,
            Step::Discovery(discovery) => self.discovery(line, discovery).await,
            Step::Network(network) => self.network(line, network).await,
            Step::Start(start) => self.start(line, start).await,
            Step::Stop(step) => self.stop(&step.stop).await,
            Step::Kill(step) => self.kill(&step.kill).await,
            Step::Pause(step) => self.pause(&step.pause).await,
            Step::Resume(step) => self.resume(&step.resume).await,
            Step::Check(check) => {
                let surroundings = self.surroundings();
                self.judge(verdict::expressions(&check.check, &surroundings))
            }
            Step::Get(request)
            | Step::Head(request)
            | Step::Post(request)
            | Step::Put(request)
            | Step::Patch(request)
            | Step::Delete(request) => self.request(line, request).await,
        }
    }
}
