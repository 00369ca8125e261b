//! `load`, `stop-load`, `expect`: loads, and what is expected of windows of them.

use std::time::{Duration, Instant};

use meshkat_driver::{Load, Pace, Request, Schedule, Stage};
use meshkat_model::{
    results::LoadResult,
    scenario::{
        rates::Rates,
        verb::{
            SentRequests,
            expect::{ExpectStep, Since, WINDOW},
            load::{LoadStep, StopLoadStep},
            target::Target,
        },
    },
    verdict::{self, Unmet},
};

use super::{
    look::{Patience, Seen},
    request::cannot_be_sent,
};
use crate::case::{Broken, CaseRun, RunningLoad};

/// How the load of a step sends.
fn pace(step: &LoadStep) -> Pace {
    match (&step.clients, step.rate.as_ref().map(|rate| &rate.value)) {
        (Some(clients), _) => Pace::Closed(clients.value as usize),
        (None, Some(Rates::Constant(rate))) => Pace::Open(Schedule::constant(rate.0)),
        (None, Some(Rates::Stages(stages))) => {
            let stages = stages.iter().filter_map(|stage| stage.stage());
            let stages: Vec<Stage> = stages
                .map(|(from, to, time)| Stage {
                    from: from.0,
                    to: to.0,
                    time,
                })
                .collect();
            Pace::Open(Schedule::stages(&stages))
        }
        // Refused before the run.
        (None, None) => Pace::Closed(1),
    }
}

impl CaseRun<'_> {
    pub(super) fn load(&mut self, step: &LoadStep) -> Result<(), Broken> {
        let requests = self.requests_of(&step.sent, &step.to)?;
        let running = RunningLoad {
            load: Load::start(&self.client, requests, pace(step)),
            judged_until: Duration::ZERO,
            stopped: None,
        };
        self.loads.insert(step.load.value.clone(), running);
        Ok(())
    }

    pub(super) async fn stop_load(&mut self, step: &StopLoadStep) -> Result<(), Broken> {
        let running = self.running_load(&step.stop_load)?;
        running.load.stop().await;
        running.stopped = running.load.stopped_at();
        Ok(())
    }

    /// The requests that a load sends in turn.
    pub(super) fn requests_of(&self, sent: &SentRequests, to: &Target) -> Result<Vec<Request>, Broken> {
        let (method, paths) = sent.line();
        let first = paths.first().copied().unwrap_or_default();
        let request = self.request_to(method, first, to)?;
        let request = match &sent.body {
            Some(body) => request.body(&body.0),
            None => request,
        };
        // They share their connections.
        let others = paths
            .iter()
            .skip(1)
            .map(|path| request.with_path(path).map_err(cannot_be_sent));
        [Ok(request.clone())].into_iter().chain(others).collect()
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
            // The next window begins no earlier than this one.
            run.running_load(&step.expect)?.load.hold(Some(until - size));
            let mut seen = run.window(step, until - size, until).await?;
            for check in seen.checks.iter_mut().filter(|check| !check.passed) {
                check.actual = format!("in {size:?}, {}", check.actual);
            }
            Ok(seen)
        };
        let outcome = self.look(Patience::Within(limit.0), latest).await;
        if let Ok(running) = self.running_load(&step.expect) {
            running.load.hold(None);
        }
        outcome
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

/// What became of a load that has ended, from its begin.
pub(crate) async fn result(name: &str, load: &Load) -> LoadResult {
    let until = load.stopped_at().unwrap_or_else(|| load.now());
    let window = load.window(Duration::ZERO, until).await;
    let (every, spans) = load.timeline();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    LoadResult {
        name: name.to_owned(),
        // What fell due in the moment in which it ended, and was never sent, is no error of the mesh.
        requests: window.requests - window.unsent,
        errors: window.errors - window.unsent,
        p50_ms: ms(window.latency.p50),
        p95_ms: ms(window.latency.p95),
        p99_ms: ms(window.latency.p99),
        max_ms: ms(window.latency.max),
        queue_p99_ms: ms(window.queue.p99),
        error_window_ms: window.error_window.map(|window| ms(window.length())),
        gap_ms: ms(window.gap),
        every_ms: crate::case::millis(every),
        spans,
        capacity: None,
    }
}
