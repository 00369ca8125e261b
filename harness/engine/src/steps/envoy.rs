//! `envoy`: what Envoys say of themselves.

use meshkat_model::{
    scenario::verb::envoy::EnvoyStep,
    verdict::{self, Check},
};

use super::look::Patience;
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    pub(super) async fn envoy(&mut self, step: &EnvoyStep) -> Result<(), Broken> {
        let patience = Patience::of(step.within, step.for_);
        self.look(patience, async |run| run.ask(step).await).await
    }

    async fn ask(&mut self, step: &EnvoyStep) -> Result<Vec<Check>, Broken> {
        let (asked, mut checks) = (step.asked(), Vec::new());
        for name in step.envoy.iter() {
            for pod in self.existing_pods(name)? {
                let view = self.mesh.view(&pod, &asked).await;
                let since = step.since.as_ref().and_then(|kept| self.views.get(&kept.value));
                checks.extend(verdict::envoy(step, &pod.name, &view, since, &self.surroundings()));
                if let Some(kept) = &step.keep {
                    self.keep(kept, view.variables());
                    self.views.insert(kept.value.clone(), view);
                }
            }
        }
        Ok(checks)
    }
}
