//! `load`, `stop-load`, `expect`: loads, and what is expected of windows of them.

use std::time::{Duration, Instant};

use meshkat_driver::Load;
use meshkat_model::{
    scenario::verb::{
        expect::{ExpectStep, Since, WINDOW},
        load::{LoadStep, StopLoadStep},
    },
    verdict::{self, Unmet},
};

use super::look::{Patience, Seen};
use crate::case::{Broken, CaseRun, RunningLoad};

impl CaseRun<'_> {
    pub(super) fn load(&mut self, step: &LoadStep) -> Result<(), Broken> {
        let request = self.request_to("GET", &step.get, &step.to)?;
        let running = RunningLoad {
            load: Load::start(&self.client, request, step.rate.0),
            judged_until: Duration::ZERO,
            stopped: None,
        };
        self.loads.insert(step.load.value.clone(), running);
        Ok(())
    }

    pub(super) async fn stop_load(&mut self, step: &StopLoadStep) -> Result<(), Broken> {
        let running = self.running_load(&step.stop_load)?;
        running.stopped = Some(running.load.now());
        running.load.stop().await;
        Ok(())
    }

    fn running_load(&mut self, name: &str) -> Result<&mut RunningLoad, Broken> {
        let running = self.loads.get_mut(name);
        running.ok_or_else(|| Unmet::new(format!("there is no load `{name}`")).into())
    }

    pub(super) async fn expect(&mut self, step: &ExpectStep) -> Result<(), Broken> {
        let Some(limit) = step.within else {
            let running = self.running_load(&step.expect)?;
            let now = running.stopped.unwrap_or_else(|| running.load.now());
            let (from, until) = match (step.for_, step.since) {
                (Some(time), _) => (now, now + time.0),
                (None, Since::LastExpect) => (running.judged_until, now),
                (None, Since::Start) => (Duration::ZERO, now),
            };
            let window = async |run: &mut Self| run.window(step, from, until).await;
            return self.look(Patience::Once, window).await;
        };
        let size = step.window.map_or(WINDOW, |time| time.0);
        let start = Instant::now();
        let latest = async |run: &mut Self| {
            let now = run.running_load(&step.expect)?.load.now();
            // The first window begins with this step: what was before it is not what is waited for.
            let begin = now.saturating_sub(start.elapsed());
            let until = now.max(begin + size);
            let mut seen = run.window(step, until - size, until).await?;
            for check in seen.checks.iter_mut().filter(|check| !check.passed) {
                check.actual = format!("in {size:?}, {}", check.actual);
            }
            Ok(seen)
        };
        self.look(Patience::Within(limit.0), latest).await
    }

    /// Holds the requests that fell due from one time of the load to another against what is expected.
    async fn window(&mut self, step: &ExpectStep, from: Duration, until: Duration) -> Result<Seen, Broken> {
        let running = self.running_load(&step.expect)?;
        running.judged_until = until;
        let window = running.load.window(from, until).await;
        let (begun, running_until) = (running.load.started() + from, running.load.started() + until);
        self.sends.late += window.late;
        self.sends.delay = self.sends.delay.max(window.send_delay);
        let surroundings = self.surroundings();
        let checks = verdict::window(step, &window, &surroundings);
        // Until the last answer, and not until its end: what was due last may have been answered late. What came after that is of no
        // matter to a load that was stopped long ago.
        let end = (running_until + window.latency.max + window.send_delay).min(Instant::now());
        let disturbance = self.watch.between(begun, end);
        let time = (disturbance.stood_still(), until - from);
        Ok(Seen {
            may_be_of_a_limit: verdict::window_may_be_of_limits(step, &window, &checks, time, &surroundings),
            undecided: verdict::window_undecided(step, &window, &checks, &disturbance, &surroundings),
            checks,
            at: Some(running_until),
        })
    }
}
