//! `envoy`: what Envoys say of themselves.

use meshkat_model::{
    scenario::verb::envoy::EnvoyStep,
    verdict::{self, Check},
};

use super::look::Patience;
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    pub(super) async fn envoy(&mut self, step: &EnvoyStep) -> Result<(), Broken> {
        let patience = Patience::of(step.within, step.for_).in_a_row(step.in_a_row.as_ref());
        // Whoever waits for lines sees those that come late.
        let is_settled = step.within.is_none();
        self.look(patience, async |run| run.ask(step, is_settled).await).await
    }

    async fn ask(&mut self, step: &EnvoyStep, is_settled: bool) -> Result<Vec<Check>, Broken> {
        let (asked, mut checks) = (step.asked(), Vec::new());
        for name in step.envoy.iter() {
            for pod in self.existing_pods(name)? {
                let view = self.mesh.view(&pod, &asked).await;
                let since = step.since.as_ref().and_then(|kept| self.views.get(&kept.value));
                checks.extend(verdict::envoy(step, &pod.name, &view, since, &self.surroundings()));
                if let Some(expected) = &step.logged {
                    let since = step.since.as_ref().map(|since| since.as_str());
                    let log = self.access_log(&pod, since, is_settled).await?;
                    checks.extend(verdict::logged(expected, &pod.name, &log, &self.surroundings()));
                }
                if let Some(kept) = &step.keep {
                    self.mark_log(kept, &pod).await;
                    self.keep(kept, view.variables());
                    self.views.insert(kept.value.clone(), view);
                }
            }
        }
        Ok(checks)
    }
}
