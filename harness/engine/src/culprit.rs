//! After all cases have ended: what the failed ones of a scenario have in common, and cases that are run to know better.
//! Nothing of it touches the verdict of a case.

use std::sync::Arc;

use indexmap::IndexMap;
use meshkat_model::{
    case::Case,
    culprit::{Attempt, Culprit, Trial, Unsteady, Why},
    event::Event,
    results::{CaseResult, Status},
};
use meshkat_plan::{Plan, PlannedMesh, culprit::Study, why_not};
use meshkat_runtime::Backend;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    case::millis,
    group::{self, Shared},
    machine::Watch,
    options::{Keep, RunOptions},
    room::Room,
    sink::Sink,
};

/// The cases of each scenario, and how those that ran have ended.
pub(crate) struct Suspects {
    /// By scenario, and by id, in the order of the files.
    cases: IndexMap<String, IndexMap<String, Case>>,
    /// By id, in each round.
    ended: IndexMap<String, Vec<CaseResult>>,
}

impl Suspects {
    /// The cases of each scenario of `plan`: `all` that there are, and what it has besides. Those with other axes than the
    /// first one that runs, as with an Envoy of their own, have nothing to compare.
    pub(crate) fn new(all: &[Case], plan: &Plan) -> Self {
        let mut first: IndexMap<&str, &Case> = IndexMap::new();
        for case in plan.cases() {
            first.entry(&case.scenario).or_insert(case);
        }
        let mut cases: IndexMap<String, IndexMap<String, Case>> = first
            .keys()
            .map(|scenario| ((*scenario).to_owned(), IndexMap::new()))
            .collect();
        for case in all.iter().chain(plan.cases()) {
            let first = first.get(case.scenario.as_str());
            let is_alike = first.is_some_and(|first| first.params.keys().eq(case.params.keys()));
            if let Some(of_scenario) = cases.get_mut(&case.scenario).filter(|_| is_alike) {
                of_scenario.entry(case.id.clone()).or_insert_with(|| case.clone());
            }
        }
        let ended = IndexMap::new();
        Self { cases, ended }
    }

    pub(crate) fn ended(&mut self, case: &CaseResult) {
        self.ended.entry(case.id.clone()).or_default().push(case.clone());
    }

    /// What is known of a scenario's cases.
    fn study(&self, cases: &IndexMap<String, Case>, backend: &dyn Backend) -> Study {
        let mut study = Study::new(cases.iter().map(|(id, case)| (id.as_str(), &case.params)));
        let capabilities = backend.capabilities();
        for (id, case) in cases {
            match self.ended.get(id) {
                Some(ended) => ended.iter().for_each(|ended| study.ended(ended)),
                None if why_not(case, &capabilities).is_some() => study.useless(id),
                None => {}
            }
        }
        study
    }
}

/// Tells of each scenario with failures what they have in common. Cases are run for it one after the other, each on a mesh of
/// its own, until nothing is left to try, the time is up or `cancel` is cancelled. `meshes` is the number of the first mesh
/// that was in no plan.
pub(crate) async fn look(
    suspects: Suspects,
    meshes: usize,
    backend: Arc<dyn Backend>,
    options: &RunOptions,
    cancel: &CancellationToken,
    (watch, room): (Arc<Watch>, Arc<Room>),
    tell: &mut impl FnMut(Event),
) {
    let until = Instant::now() + options.culprit.within;
    let mut trials = Trials {
        options: Arc::new(RunOptions {
            retries: 0,
            keep: Keep::Never,
            ..options.clone()
        }),
        is_on: !options.culprit.within.is_zero(),
        backend,
        cancel,
        watch,
        room,
        until,
        mesh: meshes,
        tell,
    };
    for (scenario, cases) in &suspects.cases {
        let study = suspects.study(cases, &*trials.backend);
        if study.is_worthwhile() {
            let culprit = trials.scenario(scenario, study, cases, &suspects).await;
            (trials.tell)(Event::Culprit {
                culprit: Box::new(culprit),
            });
        }
    }
}

struct Trials<'a, T> {
    options: Arc<RunOptions>,
    is_on: bool,
    backend: Arc<dyn Backend>,
    cancel: &'a CancellationToken,
    watch: Arc<Watch>,
    room: Arc<Room>,
    until: Instant,
    mesh: usize,
    tell: &'a mut T,
}

impl<T: FnMut(Event)> Trials<'_, T> {
    async fn scenario(
        &mut self,
        scenario: &str,
        mut study: Study,
        cases: &IndexMap<String, Case>,
        suspects: &Suspects,
    ) -> Culprit {
        let mut trials = Vec::new();
        let mut flaky = Vec::new();
        let mut cut_short = false;
        while let Some((id, why)) = next(&study).filter(|_| self.is_on) {
            let Some(trial) = self.trial(&cases[&id], why).await else {
                cut_short = true;
                break;
            };
            study.tried(&trial);
            if trial.why == Why::Confirm && trial.status != Status::Failed {
                let first = suspects.ended.get(&id).and_then(|ended| ended.first());
                flaky.extend(first.map(|first| unsteady(first, &trial)));
            }
            trials.push(trial);
        }
        let found = study.conclude();
        Culprit {
            scenario: scenario.to_owned(),
            sentence: found.sentence,
            certainty: found.certainty,
            causes: found.causes,
            others: found.others,
            smallest: study.smallest(),
            flaky,
            trials,
            cut_short,
        }
    }

    /// Runs a case on a mesh of its own; none if there is no time left for it.
    async fn trial(&mut self, case: &Case, why: Why) -> Option<Trial> {
        let start = Instant::now();
        if start >= self.until || self.cancel.is_cancelled() {
            return None;
        }
        (self.tell)(Event::Trying {
            id: case.id.clone(),
            why: why.clone(),
        });
        let planned = PlannedMesh::alone(case.clone());
        let stop = self.cancel.child_token();
        let (sink, mut events) = Sink::new();
        let shared = Shared {
            backend: Arc::clone(&self.backend),
            options: Arc::clone(&self.options),
            stop: stop.clone(),
            sink,
            watch: Arc::clone(&self.watch),
            room: Arc::clone(&self.room),
        };
        self.mesh += 1;
        let mesh = self.mesh;
        let mut work = std::pin::pin!(async move {
            let mut came = group::run(mesh, planned, shared.clone()).await;
            // One that proves nothing is made again, as any case is.
            while let Some(void) = came.later.pop() {
                came = group::again(mesh, void, shared.clone()).await;
            }
        });
        if timeout_at(self.until, &mut work).await.is_err() {
            // The mesh is given back in order, as when a person ends a run.
            stop.cancel();
            work.await;
        }
        let mut ended = None;
        while let Ok(event) = events.try_recv() {
            match event {
                Event::CaseFinished { case } => ended = Some(*case),
                warning @ Event::Warning { .. } => (self.tell)(warning),
                _ => {}
            }
        }
        let CaseResult {
            id, status, failure, ..
        } = ended?;
        Some(Trial {
            id,
            why,
            status,
            duration_ms: millis(start.elapsed()),
            failure,
        })
    }
}

/// Which case to run now, and what for: nothing is reasoned from a failure that nobody has seen twice.
fn next(study: &Study) -> Option<(String, Why)> {
    match study.to_confirm() {
        Some(id) => Some((id.to_owned(), Why::Confirm)),
        None => study.next().map(|(id, why)| (id.to_owned(), why)),
    }
}

fn unsteady(first: &CaseResult, again: &Trial) -> Unsteady {
    let attempt = |status, failure: &Option<_>| Attempt {
        status,
        failure: failure.clone(),
    };
    Unsteady {
        id: first.id.clone(),
        attempts: vec![
            attempt(first.status, &first.failure),
            attempt(again.status, &again.failure),
        ],
    }
}
