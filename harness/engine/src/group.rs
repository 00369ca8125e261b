//! One mesh of the plan: brought up, used by its cases one after the other, given back.

use std::{sync::Arc, time::Duration, time::Instant};

use meshkat_model::{
    case::Case,
    event::{Artifact, Event},
    results::{CaseResult, Failure, Status, VoidAttempt},
    verdict::Undecided,
};
use meshkat_plan::{Between, PlannedMesh};
use meshkat_runtime::Backend;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{attempt, by_others},
    bundle,
    case::{Attempt, millis},
    diagnose::{Before, diagnose},
    machine::Watch,
    mesh::{MeshError, RunningMesh, bring_up::BringUp},
    options::{Keep, RunOptions, reproduce},
    room::Room,
    sink::Sink,
};

/// So often an attempt at a case may prove nothing. Then the machine is told of, as what cannot be tested on.
const MOST_VOIDS: usize = 3;

/// What all meshes of a run share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) options: Arc<RunOptions>,
    pub(crate) stop: CancellationToken,
    pub(crate) sink: Sink,
    pub(crate) watch: Arc<Watch>,
    pub(crate) room: Arc<Room>,
}

/// A case of which an attempt proved nothing, to be run again.
#[derive(Debug)]
pub(crate) struct Again {
    case: Case,
    tried: Tried,
}

/// The attempts at a case that have not decided it.
#[derive(Debug, Default)]
struct Tried {
    failures: Vec<Failure>,
    voids: Vec<VoidAttempt>,
}

/// What became of a case.
enum Ended {
    /// It has a verdict.
    With(Box<CaseResult>),
    /// It has none, and is run again when there is more room.
    Void(Box<Again>),
}

/// What came of the cases of a mesh.
#[derive(Debug)]
pub(crate) struct Came {
    /// Those that are to be run again.
    pub(crate) later: Vec<Again>,
    /// Whether none of the others failed or errored.
    pub(crate) all_passed: bool,
}

struct Group {
    number: usize,
    shared: Shared,
}

impl std::ops::Deref for Group {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// Runs a case again of which the attempts before proved nothing, on a mesh of its own.
pub(crate) async fn again(number: usize, again: Again, shared: Shared) -> Came {
    let planned = PlannedMesh::alone(again.case.clone());
    cases(number, planned, shared, again.tried).await
}

/// Runs the cases of one mesh. Ends early, with the mesh given back, when `stop` is cancelled.
pub(crate) async fn run(number: usize, planned: PlannedMesh, shared: Shared) -> Came {
    cases(number, planned, shared, Tried::default()).await
}

/// `tried` is of the first case.
async fn cases(number: usize, planned: PlannedMesh, shared: Shared, tried: Tried) -> Came {
    let group = Group { number, shared };
    let mut tried = Some(tried);
    let mut later = Vec::new();
    let mut mesh: Option<RunningMesh> = None;
    let mut well = true;
    for (number, case) in planned.cases.iter().enumerate() {
        if group.stop.is_cancelled() {
            break;
        }
        let status;
        let tried = tried.take().unwrap_or_default();
        let ended = group.case(&planned, case, tried, &mut mesh).await;
        match ended {
            Some(Ended::Void(again)) => {
                later.push(*again);
                status = Status::Failed;
                // As after a failure, nobody knows what the mesh is like.
                if let Some(used) = mesh.take() {
                    group.release(&used).await;
                }
            }
            Some(Ended::With(result)) => {
                status = result.status;
                well &= !matches!(result.status, Status::Failed | Status::Errored);
                // `--fail-fast` ends the run in the same way as a person does.
                if group.options.fail_fast && !well {
                    group.stop.cancel();
                }
                group.sink.send(Event::CaseFinished { case: result });
            }
            None => break,
        }
        if let Some(used) = &mesh
            && used.is_broken().await
            && let Some(broken) = mesh.take()
        {
            // Whoever comes next has a mesh in which everybody runs, as it would have alone.
            group.release(&broken).await;
        }
        if planned.after(number) != Between::Nothing
            && let Some(next) = planned.cases.get(number + 1)
            && let Some(used) = mesh.take()
        {
            mesh = group.repaired(used, case, status, next).await;
        }
    }
    if let Some(mesh) = mesh {
        group.release(&mesh).await;
    }
    Came {
        later,
        all_passed: well,
    }
}

impl Group {
    /// A case with all its attempts; none if the run was stopped meanwhile. `mesh` is the one that the cases share, once it
    /// is up.
    async fn case(
        &self,
        planned: &PlannedMesh,
        case: &Case,
        mut tried: Tried,
        mesh: &mut Option<RunningMesh>,
    ) -> Option<Ended> {
        for round in 0.. {
            if round > 0
                && let Some(used) = mesh.take()
            {
                // A retry never meets what the attempt before it left behind.
                self.release(&used).await;
            }
            self.sink.send(Event::CaseStarted {
                id: case.id.clone(),
                round: case.round,
                attempt: tried.number(),
            });
            let mut attempt = self.attempt(planned, case, mesh).await?;
            if let Some(undecided) = attempt.void.take() {
                let void = void(case, &attempt, undecided);
                self.sink.send(Event::CaseVoid {
                    id: case.id.clone(),
                    round: case.round,
                    void: void.clone(),
                });
                tried.voids.push(void);
                if tried.voids.len() < MOST_VOIDS {
                    let case = case.clone();
                    return Some(Ended::Void(Box::new(Again { case, tried })));
                }
                too_busy(&mut attempt, &tried.voids);
                return Some(Ended::With(Box::new(self.result(case, attempt, tried))));
            }
            let again = attempt.status != Status::Passed && tried.failures.len() < self.options.retries as usize;
            if again {
                // Why it did not pass is always told.
                tried.failures.push(attempt.failure.unwrap_or_default());
                continue;
            }
            return Some(Ended::With(Box::new(self.result(case, attempt, tried))));
        }
        None
    }

    /// One attempt at a case; none if the run was stopped meanwhile.
    async fn attempt(&self, planned: &PlannedMesh, case: &Case, mesh: &mut Option<RunningMesh>) -> Option<Attempt> {
        let running = match mesh {
            Some(running) => running,
            none => match self.bring_up(planned, case).await {
                Ok(running) => none.insert(running?),
                Err(why) => {
                    if !why.files.is_empty() {
                        self.sink.send(Event::Artifacts {
                            id: case.id.clone(),
                            round: case.round,
                            files: why.files.clone(),
                        });
                    }
                    return Some(not_up(case, &why));
                }
            },
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            attempt = self.on_mesh(running, case) => Some(attempt),
        }
    }

    async fn on_mesh(&self, running: &RunningMesh, case: &Case) -> Attempt {
        let (attempt, keep) = attempt(running, case, self.options.keep, &self.watch, &self.sink).await;
        if keep {
            let files = bundle::collect(running).await;
            self.sink.send(Event::Artifacts {
                id: case.id.clone(),
                round: case.round,
                files,
            });
        }
        attempt
    }

    /// A mesh that is ready for a case; none if the run was stopped meanwhile. What does not become ready is given back.
    async fn bring_up(&self, planned: &PlannedMesh, case: &Case) -> Result<Option<RunningMesh>, Box<NotUp>> {
        let cases = planned.cases.iter().map(|case| case.id.clone()).collect();
        self.sink.send(Event::MeshStarting {
            mesh: self.number,
            name: case.mesh.kind(),
            cases,
            round: planned.cases.first().and_then(|case| case.round),
        });
        let start = Instant::now();
        let _starting = self.room.starts();
        // Never cut short: a lease that nobody holds is one that nobody gives back.
        let started = BringUp::start(&*self.backend, &case.mesh)
            .await
            .map_err(NotUp::never_started)?
            .watched(Arc::clone(&self.watch));
        let ready = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            ready = started.ready(self.options.ready_within) => Some(ready),
        };
        let mesh = started.into_mesh();
        match ready {
            Some(Ok(())) => {
                self.sink.send(Event::MeshReady {
                    mesh: self.number,
                    took_ms: millis(start.elapsed()),
                });
                Ok(Some(mesh))
            }
            Some(Err(error)) => {
                // What there is to see goes with the mesh.
                mesh.lease().look_again().await;
                let mut why = NotUp::never_started(error);
                if self.options.keep != Keep::Never {
                    why.files = bundle::collect(&mesh).await;
                }
                why.hints = by_others(&mesh);
                why.hints.extend(diagnose(&mesh, &Before::default()).await);
                self.release(&mesh).await;
                Err(why)
            }
            None => {
                self.release(&mesh).await;
                Ok(None)
            }
        }
    }

    /// The mesh as the next case would find a new one; none if it is not to be had, or the run was stopped. What is not repaired is
    /// given back.
    async fn repaired(&self, mut mesh: RunningMesh, after: &Case, status: Status, next: &Case) -> Option<RunningMesh> {
        let scaled = mesh.spec().scaled_to(&next.mesh);
        let start = Instant::now();
        // A case that failed did not come to its end, and nobody knows what it has left: its evidence is not changed either.
        if status == Status::Passed {
            let repaired = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                repaired = mesh.repair(&next.mesh, self.options.repaired_within) => Some(repaired),
            };
            if let Some(repaired) = repaired {
                let failure = repaired.err().map(|error| error.to_string());
                let is_repaired = failure.is_none();
                if let Some(why) = &failure {
                    tracing::info!(after = after.id, why, "a mesh is not repaired");
                }
                self.sink.send(Event::MeshRepaired {
                    mesh: self.number,
                    after: after.id.clone(),
                    scaled,
                    took_ms: millis(start.elapsed()),
                    failure,
                });
                if is_repaired {
                    return Some(mesh);
                }
            }
        }
        self.release(&mesh).await;
        None
    }

    async fn release(&self, mesh: &RunningMesh) {
        // Trouble while tearing down is told and turns no verdict.
        if let Err(error) = mesh.release(None).await {
            let message = format!(
                "failed to remove mesh {} ({}): {error}",
                mesh.lease().id(),
                mesh.spec().name
            );
            self.sink.send(Event::Warning { message });
        }
    }

    fn result(&self, case: &Case, attempt: Attempt, tried: Tried) -> CaseResult {
        let status = if attempt.status == Status::Passed && !tried.failures.is_empty() {
            Status::Flaky
        } else {
            attempt.status
        };
        CaseResult {
            id: case.id.clone(),
            round: case.round,
            scenario: case.scenario.clone(),
            promise: case.promise.clone(),
            params: case.params.clone(),
            tags: case.tags.clone(),
            status,
            attempts: u32::try_from(tried.failures.len() + usize::from(tried.voids.len() < MOST_VOIDS))
                .unwrap_or(u32::MAX),
            duration_ms: millis(attempt.duration),
            checks: attempt.checks,
            requests: attempt.requests,
            reproduce: reproduce(case, &self.options),
            steps: attempt.steps,
            skipped: None,
            failure: attempt.failure,
            earlier_failures: tried.failures,
            voids: tried.voids,
            machine: attempt.machine,
            loads: attempt.loads,
        }
    }
}

impl Tried {
    /// The number of the attempt that comes now, from 1.
    fn number(&self) -> u32 {
        u32::try_from(self.failures.len() + self.voids.len() + 1).unwrap_or(u32::MAX)
    }
}

/// An attempt that proves nothing, as it is kept.
fn void(case: &Case, attempt: &Attempt, undecided: Undecided) -> VoidAttempt {
    VoidAttempt {
        status: attempt.status,
        file: case.source.name().to_owned(),
        line: undecided.line.unwrap_or(1),
        why: undecided.why,
        machine: attempt.machine.unwrap_or_default(),
    }
}

/// What is told where each attempt proved nothing.
fn too_busy(attempt: &mut Attempt, voids: &[VoidAttempt]) {
    attempt.status = Status::Errored;
    let Some(last) = voids.last() else { return };
    attempt.failure = Some(Failure {
        step: attempt.steps.last().map(|step| step.name.clone()).unwrap_or_default(),
        file: last.file.clone(),
        line: last.line,
        message: format!("this machine was too busy to judge the case, {} times", voids.len()),
        expected: "a machine that lets the mesh do its part".to_owned(),
        actual: format!("{}\n{}", last.why, last.machine.summary()),
        hints: vec!["run it when less else runs here, or with fewer meshes at the same time: --jobs 1".to_owned()],
    });
}

/// Why a mesh did not come up, and what there was to see of it.
struct NotUp {
    error: MeshError,
    files: Vec<Artifact>,
    hints: Vec<String>,
}

impl NotUp {
    fn never_started(error: MeshError) -> Box<Self> {
        Box::new(Self {
            error,
            files: Vec::new(),
            hints: Vec::new(),
        })
    }
}

/// The mesh did not come up. One that is wrong by its own files is the mesh's failure, and not the environment's.
fn not_up(case: &Case, why: &NotUp) -> Attempt {
    let error = &why.error;
    let (status, message) = match error.of_the_mesh() {
        Some((_, message)) => (Status::Failed, message),
        None => (Status::Errored, "the mesh did not come up"),
    };
    let mut attempt = broken(case, message.to_owned(), status);
    if let Some(failure) = &mut attempt.failure {
        failure.expected = "every Envoy live, with the endpoints that were asked for".to_owned();
        failure.actual = error.to_string();
        failure.hints.extend(error.help());
        failure.hints.extend(why.hints.iter().cloned());
        if let Some((file, _)) = error.of_the_mesh() {
            failure.file = file.to_owned();
            failure.line = error.line().unwrap_or_default();
        }
    }
    attempt
}

fn broken(case: &Case, message: String, status: Status) -> Attempt {
    let failure = Failure {
        step: "start the mesh".to_owned(),
        file: case.source.name().to_owned(),
        line: 1,
        message,
        expected: String::new(),
        actual: String::new(),
        hints: Vec::new(),
    };
    Attempt {
        status,
        duration: Duration::ZERO,
        checks: 0,
        requests: 0,
        steps: Vec::new(),
        failure: Some(failure),
        loads: Vec::new(),
        machine: None,
        void: None,
    }
}
