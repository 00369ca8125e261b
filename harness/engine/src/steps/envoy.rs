//! Asking an Envoy, once, until it holds, or as long as it must hold.

use std::time::{Duration, Instant};

use meshkat_model::{
    scenario::step::EnvoyStep,
    verdict::{self, Check},
};
use meshkat_runtime::Pod;

use super::request::failed_check;
use crate::case::{Broken, CaseRun};

/// Between two looks at an admin interface.
const PACE: Duration = Duration::from_millis(25);

impl CaseRun<'_> {
    pub(super) async fn envoy(&mut self, line: usize, step: &EnvoyStep) -> Result<(), Broken> {
        let start = Instant::now();
        loop {
            let checks = self.ask(step).await?;
            let holds = checks.iter().all(|check| check.held);
            let goes_on = match (step.within, step.for_) {
                (Some(limit), _) => !holds && start.elapsed() < limit.0,
                (_, Some(time)) => holds && start.elapsed() < time.0,
                _ => false,
            };
            if !goes_on {
                let when = match (step.within, step.for_) {
                    (Some(limit), _) => format!("not within {limit}; last: "),
                    (_, Some(time)) => format!("after {:.1?} of {time}: ", start.elapsed()),
                    _ => String::new(),
                };
                return self.judge(checks).map_err(|broken| match broken {
                    Broken::Expectation(mut failed) => {
                        failed.actual = format!("{when}{}", failed.actual);
                        failed.line = if failed.line == 0 { line } else { failed.line };
                        Broken::Expectation(failed)
                    }
                    broken @ Broken::Environment(_) => broken,
                });
            }
            if step.for_.is_some() {
                self.checks += checks.len() as u64;
            }
            tokio::time::sleep(PACE).await;
        }
    }

    async fn ask(&mut self, step: &EnvoyStep) -> Result<Vec<Check>, Broken> {
        let mut checks = Vec::new();
        for name in step.envoy.iter() {
            let pods: Vec<Pod> = self.mesh.pods_of(name);
            if pods.is_empty() {
                return Err(Broken::Expectation(failed_check(format!(
                    "there is no pod `{}` at this moment",
                    name.value
                ))));
            }
            for pod in pods {
                let view = self.mesh.view(&pod).await;
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
