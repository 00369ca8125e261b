//! `start`, `stop`, `kill`, `pause`, `resume`: what is done to containers.

use meshkat_model::{
    scenario::{value::OneOrMany, verb::container::StartStep},
    yaml::At,
};

use crate::{
    case::{Broken, CaseRun, environment},
    wait::limit,
};

/// What is done to a container that runs, or is frozen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    Stop,
    Kill,
    Pause,
    Resume,
}

impl CaseRun<'_> {
    pub(super) async fn start(&mut self, step: &StartStep) -> Result<(), Broken> {
        for name in step.start.iter() {
            let outcome = self.mesh.start(name, step.empty, limit(step.within)).await;
            self.judge_mesh(outcome, &format!("{} starts and is ready", name.value))?;
        }
        Ok(())
    }

    pub(super) async fn signal(&mut self, signal: Signal, names: &OneOrMany<At<String>>) -> Result<(), Broken> {
        let lease = self.mesh.lease();
        for target in self.all_targets(names)? {
            environment(match signal {
                Signal::Stop => lease.stop(&target).await,
                Signal::Kill => lease.kill(&target).await,
                Signal::Pause => lease.pause(&target).await,
                Signal::Resume => lease.resume(&target).await,
            })?;
        }
        Ok(())
    }
}
