//! The dispatcher: it owns the order of events, and counts.

use std::{sync::Arc, time::Duration, time::Instant};

use futures::{StreamExt, stream};
use meshkat_model::{
    case::Case,
    event::Event,
    results::{CaseResult, RunInfo, Status, Totals},
};
use meshkat_plan::{Plan, Skipped};
use meshkat_runtime::Backend;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    case::millis,
    culprit::{self, Suspects},
    group,
};

/// Whose evidence (logs, dumps, access logs) is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nobody's.
    Never,
    /// That of cases that did not pass.
    Failed,
    /// Everybody's.
    Always,
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What every report begins with.
    pub info: RunInfo,
    /// How many meshes run at the same time.
    pub jobs: usize,
    /// How often a case that did not pass is tried again, each time on a mesh of its own.
    pub retries: u32,
    /// Stop after the first case that did not pass.
    pub fail_fast: bool,
    /// Whose evidence is kept.
    pub keep: Keep,
    /// How long a mesh may take to be ready.
    pub ready_within: Duration,
    /// How long the repair of a mesh may take, with its proof. Then the next case has a new one.
    pub repaired_within: Duration,
    /// The words that begin the line that reproduces a case, such as `meshkat` or the path that was typed.
    pub program: String,
    /// What follows the case's id in the line that reproduces it.
    pub reproduce: String,
    /// How it is found out why some cases of a scenario fail and others do not.
    pub culprit: CulpritOptions,
}

/// How it is found out why some cases of a scenario fail and others do not.
#[derive(Debug, Clone, Default)]
pub struct CulpritOptions {
    /// How long cases may be run for it after all others have ended; with 0 what was seen has to do. With `fail_fast`
    /// nothing is looked for at all.
    pub within: Duration,
    /// Every case that the scenarios have, in the order of their files, also those that are not in the plan. What is in the
    /// plan and not here is added.
    pub cases: Vec<Case>,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Counted over the cases that ended.
    pub totals: Totals,
    /// Whether it ended early.
    pub interrupted: bool,
}

/// Where executors tell what happens. They never speak to a reporter.
#[derive(Debug, Clone)]
pub(crate) struct Sink(mpsc::UnboundedSender<Event>);

impl Sink {
    /// Where to tell, and where it is heard.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        (Self(sender), events)
    }

    pub(crate) fn send(&self, event: Event) {
        // The dispatcher listens for as long as any executor runs.
        let sent = self.0.send(event);
        debug_assert!(sent.is_ok(), "the dispatcher is gone");
    }
}

/// Runs every case of `plan`, and gives `tell` each event in order. The cases that are skipped end before any other begins.
/// Ends early when `cancel` is cancelled: then meshes are given back, and cases that had not ended are not told as ended.
pub async fn run(
    plan: Plan,
    backend: Arc<dyn Backend>,
    options: RunOptions,
    cancel: CancellationToken,
    mut tell: impl FnMut(Event),
) -> Summary {
    let start = Instant::now();
    let (sink, mut events) = Sink::new();
    tell(Event::RunStarted {
        run: options.info.clone(),
        cases: plan
            .cases()
            .chain(plan.skipped.iter().map(|skipped| &skipped.case))
            .map(Case::planned)
            .collect(),
        meshes: plan.meshes.len(),
    });
    let mut summary = Summary::default();
    for skipped in &plan.skipped {
        let result = not_run(skipped, &options);
        count(&mut summary.totals, &result);
        tell(Event::CaseFinished { case: Box::new(result) });
    }
    let mut suspects = Suspects::new(&options.culprit.cases, &plan);
    let meshes = plan.meshes.len();
    let options = Arc::new(options);
    // A part of `cancel` that the run can cancel by itself, as `--fail-fast` does.
    let stop = cancel.child_token();
    let work = {
        let (options, stop, backend) = (Arc::clone(&options), stop.clone(), Arc::clone(&backend));
        async move {
            stream::iter(plan.meshes.into_iter().enumerate())
                .map(|(number, mesh)| {
                    group::run(
                        number,
                        mesh,
                        Arc::clone(&backend),
                        Arc::clone(&options),
                        stop.clone(),
                        sink.clone(),
                    )
                })
                .buffer_unordered(options.jobs.max(1))
                .collect::<Vec<()>>()
                .await;
        }
    };
    let dispatch = async {
        while let Some(event) = events.recv().await {
            if let Event::CaseFinished { case } = &event {
                count(&mut summary.totals, case);
                suspects.ended(case);
            }
            tell(event);
        }
    };
    // `work` drops the last sink when it ends, and that ends `dispatch`.
    futures::future::join(work, dispatch).await;
    summary.interrupted = stop.is_cancelled();
    if !options.fail_fast {
        culprit::look(suspects, meshes, backend, &options, &cancel, &mut tell).await;
    }
    tell(Event::RunFinished {
        duration_ms: millis(start.elapsed()),
        interrupted: summary.interrupted,
    });
    summary
}

/// What came of a case that the runtime cannot run: nothing was tried, and nothing seen.
fn not_run(skipped: &Skipped, options: &RunOptions) -> CaseResult {
    let case = &skipped.case;
    CaseResult {
        id: case.id.clone(),
        scenario: case.scenario.clone(),
        promise: case.promise.clone(),
        params: case.params.clone(),
        tags: case.tags.clone(),
        status: Status::Skipped,
        attempts: 0,
        duration_ms: 0,
        checks: 0,
        requests: 0,
        reproduce: reproduce(case, options),
        steps: Vec::new(),
        skipped: Some(skipped.reason.to_string()),
        failure: None,
        earlier_failures: Vec::new(),
    }
}

/// The command line that runs a case again.
pub(crate) fn reproduce(case: &Case, options: &RunOptions) -> String {
    format!("{} run '{}'{}", options.program, case.id, options.reproduce)
}

fn count(totals: &mut Totals, case: &CaseResult) {
    totals.cases += 1;
    totals.checks += case.checks;
    totals.requests += case.requests;
    match case.status {
        Status::Passed => totals.passed += 1,
        Status::Failed => totals.failed += 1,
        Status::Errored => totals.errored += 1,
        Status::Skipped => totals.skipped += 1,
        Status::Flaky => totals.flaky += 1,
    }
}
