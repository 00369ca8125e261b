//! `register`, `unregister`: the hosts of services in the registry.

use meshkat_model::scenario::verb::registry::{Hosts, RegisterStep, UnregisterStep};

use crate::{
    case::{Broken, CaseRun},
    wait::limit,
};

impl CaseRun<'_> {
    pub(super) async fn register(&mut self, step: &RegisterStep) -> Result<(), Broken> {
        for (service, names) in &step.register {
            let pods = self.hosts(service, names);
            let outcome = self.mesh.register_weighted(service, pods, self.weights(names)).await;
            self.judge_mesh(outcome, &format!("the registry takes the hosts of `{}`", service.value))?;
        }
        if step.unawaited {
            return Ok(());
        }
        let outcome = self.mesh.converge(limit(step.within)).await;
        self.judge_mesh(outcome, "every Envoy has the endpoints that were registered")?;
        if step.register.values().all(|hosts| !matches!(hosts, Hosts::Weighted(_))) {
            return Ok(());
        }
        let outcome = self.mesh.followed(limit(step.within)).await;
        self.judge_mesh(outcome, "every Envoy has acknowledged the weights")
    }

    pub(super) async fn unregister(&mut self, step: &UnregisterStep) -> Result<(), Broken> {
        for service in step.unregister.iter() {
            let outcome = self.mesh.unregister(service).await;
            self.judge_mesh(outcome, &format!("the registry forgets `{}`", service.value))?;
        }
        Ok(())
    }
}
