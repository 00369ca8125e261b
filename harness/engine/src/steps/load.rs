//! Loads, and judging windows of them.

use std::time::{Duration, Instant};

use meshkat_driver::Load;
use meshkat_model::{
    scenario::step::{ExpectStep, LoadStep, Since},
    verdict,
    yaml::At,
};

use super::request::{Ways, failed_check};
use crate::case::{Broken, CaseRun, RunningLoad};

/// How long one answer may take where the load does not say.
const TIMEOUT: Duration = Duration::from_secs(6);
/// The window of `within` where the step does not say.
const WINDOW: Duration = Duration::from_millis(500);
/// Between two looks at a window.
const LOOK: Duration = Duration::from_millis(50);

impl CaseRun<'_> {
    pub(super) fn load(&mut self, step: &LoadStep) -> Result<(), Broken> {
        let ways = Ways {
            at: step.at.as_ref(),
            from: step.from.as_ref(),
            straight_to: step.straight_to.as_ref(),
        };
        let timeout = step.timeout.map_or(TIMEOUT, |time| time.0);
        let request = self.make_request("GET", &step.get, &ways, step.host.as_ref(), &step.headers, timeout)?;
        let request = match &step.connections {
            Some(connections) => request.connections(connections.value),
            None => request,
        };
        let load = Load::start(&self.client, request, step.rate.0);
        self.loads.insert(
            step.load.value.clone(),
            RunningLoad {
                load,
                judged_until: Duration::ZERO,
                stopped: None,
            },
        );
        Ok(())
    }

    pub(super) async fn stop_load(&mut self, name: &At<String>) -> Result<(), Broken> {
        let running = self.running_load(name)?;
        running.stopped = Some(running.load.now());
        running.load.stop().await;
        Ok(())
    }

    fn running_load(&mut self, name: &str) -> Result<&mut RunningLoad, Broken> {
        self.loads
            .get_mut(name)
            .ok_or_else(|| Broken::Expectation(failed_check(format!("there is no load `{name}`"))))
    }

    pub(super) async fn expect(&mut self, step: &ExpectStep) -> Result<(), Broken> {
        let running = self.running_load(&step.expect)?;
        let now = running.stopped.unwrap_or_else(|| running.load.now());
        let (checks, until) = match (step.for_, step.within) {
            (Some(time), _) => {
                let until = now + time.0;
                let window = running.load.window(now, until).await;
                (verdict::window(step, &window, &self.surroundings()), until)
            }
            (_, Some(limit)) => self.until_a_window_holds(step, limit.0).await?,
            _ => {
                let from = if step.since == Since::LastExpect {
                    running.judged_until
                } else {
                    Duration::ZERO
                };
                let window = running.load.window(from, now).await;
                (verdict::window(step, &window, &self.surroundings()), now)
            }
        };
        self.running_load(&step.expect)?.judged_until = until;
        self.judge(checks)
    }

    async fn until_a_window_holds(
        &mut self,
        step: &ExpectStep,
        limit: Duration,
    ) -> Result<(Vec<verdict::Check>, Duration), Broken> {
        let size = step.window.map_or(WINDOW, |time| time.0);
        let start = Instant::now();
        loop {
            let surroundings = self.surroundings();
            let load = &self.running_load(&step.expect)?.load;
            // The first window begins with this step: what was before it is not what is waited for.
            let begin = load.now().saturating_sub(start.elapsed());
            let until = load.now().max(begin + size);
            let window = load.window(until - size, until).await;
            let mut checks = verdict::window(step, &window, &surroundings);
            let held = checks.iter().all(|check| check.held);
            if held || start.elapsed() >= limit {
                for check in checks.iter_mut().filter(|check| !check.held) {
                    check.actual = format!("not within {limit:?}; the last {size:?}: {}", check.actual);
                }
                return Ok((checks, until));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
