//! The dispatcher: it owns the order of events, and counts.

use std::{sync::Arc, time::Instant};

use futures::{StreamExt, stream};
use meshkat_model::{
    case::Case,
    event::Event,
    results::{CaseResult, Status, Totals},
    round::Round,
};
use meshkat_plan::{Plan, PlannedMesh, Skipped};
use meshkat_runtime::Backend;
use tokio_util::sync::CancellationToken;

use crate::{
    case::millis,
    culprit::{self, Suspects},
    group,
    options::{RunOptions, reproduce},
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
    let rounds: Vec<Option<Round>> = match options.info.rounds {
        None => vec![None],
        Some(rounds) => rounds.all().map(Some).collect(),
    };
    let meshes = plan.meshes.len() * rounds.len();
    let options = Arc::new(options);
    // A part of `cancel` that the run can cancel by itself, as `--fail-fast` does.
    let stop = cancel.child_token();
    let work = {
        let (options, stop, backend) = (Arc::clone(&options), stop.clone(), Arc::clone(&backend));
        async move {
            let waits = options.info.rounds.is_some_and(|rounds| rounds.until_failure);
            let mut numbers = 0..;
            // Unless the next round depends on how the one before it ends, no processor waits for its last mesh.
            for rounds in rounds.chunks(if waits { 1 } else { rounds.len().max(1) }) {
                let of_round = |round: &Option<Round>| {
                    let round = *round;
                    plan.meshes.iter().map(move |mesh| in_round(mesh, round))
                };
                let meshes = rounds.iter().flat_map(of_round).zip(&mut numbers);
                // A run that is stopped has no use for the many that thousands of rounds may have left.
                let all_passed = stream::iter(meshes.take_while(|_| !stop.is_cancelled()))
                    .map(|(mesh, number)| {
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
                    .fold(true, async |all, passed| all && passed)
                    .await;
                if waits && !all_passed || stop.is_cancelled() {
                    break;
                }
            }
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

/// A mesh of the plan for the cases of one round.
fn in_round(mesh: &PlannedMesh, round: Option<Round>) -> PlannedMesh {
    let mut mesh = mesh.clone();
    for case in &mut mesh.cases {
        case.round = round;
    }
    mesh
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
    }
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
