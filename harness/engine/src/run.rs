//! The dispatcher: it owns the order of events, and counts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesUnordered};
use meshkat_model::{
    case::Case,
    event::Event,
    results::{CaseResult, Status, Totals},
};
use meshkat_plan::{Plan, PlannedMesh, Skipped};
use meshkat_runtime::Backend;
use tokio_util::sync::CancellationToken;

use crate::{
    case::millis,
    culprit::{self, Suspects},
    group::{self, Shared},
    machine::Watch,
    options::{RunOptions, reproduce},
    room::{self, Room},
    sink::Sink,
};

/// How often the machine is told of.
const EACH_SECOND: Duration = Duration::from_secs(1);

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Counted over the cases that ended.
    pub totals: Totals,
    /// Whether it ended early.
    pub interrupted: bool,
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
    let shared = Shared {
        backend: Arc::clone(&backend),
        room: Arc::new(Room::new(options.jobs)),
        options: Arc::clone(&options),
        // A part of `cancel` that the run can cancel by itself, as `--fail-fast` does.
        stop: cancel.child_token(),
        sink,
        watch: Arc::new(Watch::start()),
    };
    let (stop, watch, room) = (shared.stop.clone(), Arc::clone(&shared.watch), Arc::clone(&shared.room));
    let work = all(plan.meshes, shared);
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

/// Runs all meshes, as many at the same time as there is room for; then what proved nothing, one after the other.
async fn all(planned: Vec<PlannedMesh>, shared: Shared) {
    let numbers = planned.len();
    let mut planned = planned.into_iter().enumerate().peekable();
    let mut running = FuturesUnordered::new();
    let mut later = Vec::new();
    let (mut last, mut told) = (None, Instant::now());
    while planned.peek().is_some() || !running.is_empty() {
        while !shared.stop.is_cancelled()
            && shared.room.is_there(running.len(), last, &shared.watch)
            && let Some((number, mesh)) = planned.next()
        {
            running.push(group::run(number, mesh, shared.clone()));
            last = Some(Instant::now());
        }
        if shared.stop.is_cancelled() && running.is_empty() {
            break;
        }
        tokio::select! {
            Some(void) = running.next() => later.extend(void),
            () = tokio::time::sleep(room::LOOK) => {}
        }
        if told.elapsed() >= EACH_SECOND {
            let machine = shared.watch.measured_since(told);
            told = Instant::now();
            shared.sink.send(Event::Machine {
                meshes: running.len(),
                machine,
            });
        }
    }
    // With no neighbours.
    let mut number = numbers;
    while !later.is_empty() {
        for void in std::mem::take(&mut later) {
            if shared.stop.is_cancelled() {
                return;
            }
            later.extend(group::again(number, void, shared.clone()).await);
            number += 1;
        }
    }
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
        voids: Vec::new(),
        machine: None,
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
