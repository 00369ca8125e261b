//! One mesh of the plan: brought up, used by its cases one after the other, given back.

use std::{sync::Arc, time::Duration, time::Instant};

use meshkat_driver::Client;
use meshkat_model::{
    case::Case,
    event::{Artifact, Event},
    mesh::MeshSpec,
    results::{CaseResult, Failure, Status},
};
use meshkat_plan::PlannedMesh;
use meshkat_runtime::Backend;
use tokio_util::sync::CancellationToken;

use crate::{
    bundle,
    case::{Attempt, CaseRun, millis},
    diagnose::{Before, diagnose},
    mesh::{MeshError, RunningMesh, bring_up::BringUp},
    options::{Keep, RunOptions, reproduce},
    sink::Sink,
};

/// How long the Envoys may take to write down what they have answered, before a failure is explained. They do so every
/// 50 ms.
const ACCESS_LOGGED: Duration = Duration::from_millis(500);

struct Group {
    number: usize,
    backend: Arc<dyn Backend>,
    options: Arc<RunOptions>,
    stop: CancellationToken,
    sink: Sink,
}

/// Runs the cases of one mesh. Ends early, with the mesh given back, when `stop` is cancelled.
pub(crate) async fn run(
    number: usize,
    planned: PlannedMesh,
    backend: Arc<dyn Backend>,
    options: Arc<RunOptions>,
    stop: CancellationToken,
    sink: Sink,
) {
    let group = Group {
        number,
        backend,
        options,
        stop,
        sink,
    };
    let mut mesh: Option<RunningMesh> = None;
    for (number, case) in planned.cases.iter().enumerate() {
        if group.stop.is_cancelled() {
            break;
        }
        let changed;
        let ended = group.case(&planned.spec, &planned, case, &mut mesh).await;
        match ended {
            Some(result) => {
                changed = planned.is_repaired_after(number).then_some(result.status);
                // `--fail-fast` ends the run in the same way as a person does.
                if group.options.fail_fast && matches!(result.status, Status::Failed | Status::Errored) {
                    group.stop.cancel();
                }
                group.sink.send(Event::CaseFinished { case: Box::new(result) });
            }
            None => break,
        }
        if let Some(used) = &mesh
            && used.crashed().await.is_some()
            && let Some(crashed) = mesh.take()
        {
            // Whoever comes next has a mesh in which everybody runs, as it would have alone.
            group.release(&crashed).await;
        }
        if let Some(status) = changed
            && let Some(used) = mesh.take()
        {
            mesh = group.repaired(used, case, status).await;
        }
    }
    if let Some(mesh) = mesh {
        group.release(&mesh).await;
    }
}

impl Group {
    /// A case with all its attempts; none if the run was stopped meanwhile. `mesh` is the one that the cases share, once it
    /// is up.
    async fn case(
        &self,
        spec: &MeshSpec,
        planned: &PlannedMesh,
        case: &Case,
        mesh: &mut Option<RunningMesh>,
    ) -> Option<CaseResult> {
        let mut earlier: Vec<Failure> = Vec::new();
        for number in 1.. {
            if number > 1
                && let Some(used) = mesh.take()
            {
                // A retry never meets what the attempt before it left behind.
                self.release(&used).await;
            }
            self.sink.send(Event::CaseStarted {
                id: case.id.clone(),
                attempt: number,
            });
            let attempt = self.attempt(spec, planned, case, mesh).await?;
            let again = attempt.status != Status::Passed && number <= self.options.retries;
            if again {
                earlier.extend(attempt.failure);
                continue;
            }
            return Some(self.result(case, attempt, number, earlier));
        }
        None
    }

    /// One attempt at a case; none if the run was stopped meanwhile.
    async fn attempt(
        &self,
        spec: &MeshSpec,
        planned: &PlannedMesh,
        case: &Case,
        mesh: &mut Option<RunningMesh>,
    ) -> Option<Attempt> {
        let running = match mesh {
            Some(running) => running,
            none => match self.bring_up(spec, planned).await {
                Ok(running) => none.insert(running?),
                Err(why) => {
                    if !why.files.is_empty() {
                        self.sink.send(Event::Artifacts {
                            id: case.id.clone(),
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
        let before = Before::of(running, !running.used_by().is_empty()).await;
        let mut attempt = CaseRun::new(running, case, Client::new()).run(&self.sink).await;
        let keep = match self.options.keep {
            Keep::Never => false,
            Keep::Failed => attempt.status != Status::Passed,
            Keep::Always => true,
        };
        if keep || attempt.failure.is_some() {
            running.lease().look_again().await;
            running.access_logged(ACCESS_LOGGED).await;
        }
        if let Some(failure) = &mut attempt.failure {
            failure.hints = by_others(running);
            failure.hints.extend(diagnose(running, &before).await);
            failure.hints.extend(reused(running));
        }
        running.was_used_by(&case.id);
        if keep {
            let files = bundle::collect(running).await;
            self.sink.send(Event::Artifacts {
                id: case.id.clone(),
                files,
            });
        }
        attempt
    }

    /// A mesh that is ready; none if the run was stopped meanwhile. What does not become ready is given back.
    async fn bring_up(&self, spec: &MeshSpec, planned: &PlannedMesh) -> Result<Option<RunningMesh>, Box<NotUp>> {
        let cases = planned.cases.iter().map(|case| case.id.clone()).collect();
        self.sink.send(Event::MeshStarting {
            mesh: self.number,
            name: spec.kind(),
            cases,
        });
        let start = Instant::now();
        // Never cut short: a lease that nobody holds is one that nobody gives back.
        let started = BringUp::start(&*self.backend, spec)
            .await
            .map_err(NotUp::never_started)?;
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

    /// The mesh as it was before a case changed it; none if it is not to be had again, or the run was stopped. What is not
    /// repaired is given back.
    async fn repaired(&self, mesh: RunningMesh, after: &Case, status: Status) -> Option<RunningMesh> {
        let start = Instant::now();
        // A case that failed did not come to its end, and nobody knows what it has left: its evidence is not changed either.
        if status == Status::Passed {
            let repaired = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                repaired = mesh.repair(self.options.repaired_within) => Some(repaired),
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

    fn result(&self, case: &Case, attempt: Attempt, attempts: u32, earlier_failures: Vec<Failure>) -> CaseResult {
        let status = if attempt.status == Status::Passed && attempts > 1 {
            Status::Flaky
        } else {
            attempt.status
        };
        CaseResult {
            id: case.id.clone(),
            scenario: case.scenario.clone(),
            promise: case.promise.clone(),
            params: case.params.clone(),
            tags: case.tags.clone(),
            status,
            attempts,
            duration_ms: millis(attempt.duration),
            checks: attempt.checks,
            requests: attempt.requests,
            reproduce: reproduce(case, &self.options),
            steps: attempt.steps,
            skipped: None,
            failure: attempt.failure,
            earlier_failures,
        }
    }
}

/// What somebody did to the mesh from outside: no step of the case did it, and it comes before all other causes.
fn by_others(mesh: &RunningMesh) -> Vec<String> {
    let done = mesh.lease().done_by_hand();
    if done.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "somebody else has changed this mesh from outside: {}; run the case again",
        done.join("; ")
    )]
}

/// That others had used the mesh before, and how often it was repaired: whoever reads of a failure should be able to rule it out.
fn reused(mesh: &RunningMesh) -> Option<String> {
    let before = mesh.used_by();
    let last = before.last()?;
    let others = match before.len() - 1 {
        0 => String::new(),
        1 => " and one other".to_owned(),
        others => format!(" and {others} others"),
    };
    let repaired = match mesh.repairs() {
        0 => String::new(),
        1 => "; it was repaired once".to_owned(),
        times => format!("; it was repaired {times} times"),
    };
    Some(format!(
        "this mesh had been used before, by {last}{others}{repaired}: `--share never` gives each case a new one, and so does `share: \
         never` in its file"
    ))
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
    }
}
