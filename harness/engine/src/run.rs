//! The dispatcher: it owns the order of events, and counts.

use std::{sync::Arc, time::Instant};

use meshkat_model::{
    case::Case,
    event::Event,
    results::{CaseResult, Status, Totals},
};
use meshkat_plan::{Plan, Skipped};
use meshkat_runtime::Backend;
use tokio_util::sync::CancellationToken;

use crate::{
    case::millis,
    culprit::{self, Suspects},
    group::Shared,
    machine::Watch,
    options::{RunOptions, reproduce},
    room::Room,
    schedule,
    sink::Sink,
};

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Counted over the cases that ended.
    pub totals: Totals,
    /// Whether it ended early.
    pub interrupted: bool,
}

/// Runs every case of `plan`, in each round if there are several, and gives `tell` each event in order. The cases that are skipped end
/// once, before any other begins. Each round starts its own meshes, as the plan has them.
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
    let rounds = options.info.rounds.map_or(1, |rounds| rounds.of as usize);
    let meshes = plan.meshes.len().saturating_mul(rounds);
    let options = Arc::new(options);
    let shared = Shared {
        backend: Arc::clone(&backend),
        room: Arc::new(Room::new(options.jobs)),
        options: Arc::clone(&options),
        // A part of `cancel` that the run can cancel by itself, as `--fail-fast` does.
        stop: cancel.child_token(),
        sink,
        watch: Arc::new(match options.is_measured {
            true => Watch::start(),
            false => Watch::default(),
        }),
    };
    let (stop, watch, room) = (shared.stop.clone(), Arc::clone(&shared.watch), Arc::clone(&shared.room));
    let work = schedule::all(&plan.meshes, options.info.rounds, shared);
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
        let measured = (watch, room);
        culprit::look(suspects, meshes, backend, &options, &cancel, measured, &mut tell).await;
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
        round: None,
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
        voids: Vec::new(),
        machine: None,
        loads: Vec::new(),
    }
}

fn count(totals: &mut Totals, case: &CaseResult) {
    totals.cases += 1;
    totals.checks += case.checks;
    totals.requests += case.requests;
    totals.voids += case.voids.len() as u64;
    match case.status {
        Status::Passed => totals.passed += 1,
        Status::Failed => totals.failed += 1,
        Status::Errored => totals.errored += 1,
        Status::Skipped => totals.skipped += 1,
        Status::Flaky => totals.flaky += 1,
    }
}
