//! A mesh that a program holds, and tells what to do: some steps at a time, each time as one case.

use std::{sync::Arc, time::Duration};

use meshkat_model::{
    case::Case,
    results::{Failure, Status},
};
use meshkat_runtime::{Backend, RuntimeError};

use crate::{
    attempt::attempt,
    diagnose::{Before, diagnose},
    machine::Watch,
    mesh::{MeshError, RunningMesh, bring_up::BringUp},
    options::Keep,
    sink::Sink,
};

/// A mesh that is up. Dropping it ends everything that runs for it at once; [`HeldMesh::down`] does so in order.
pub struct HeldMesh {
    mesh: RunningMesh,
    watch: Arc<Watch>,
}

/// Why a mesh did not come up; what was started is gone again.
#[derive(Debug)]
pub struct NotUp {
    /// What went wrong.
    pub error: MeshError,
    /// Likely causes, and ways out.
    pub hints: Vec<String>,
}

/// What came of some steps.
#[derive(Debug)]
pub struct Came {
    /// Passed, failed or errored. Errored is also what the machine may have decided: it proves nothing.
    pub status: Status,
    /// How many checks were made.
    pub checks: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// What did not hold, with likely causes.
    pub failure: Option<Failure>,
}

impl HeldMesh {
    /// Brings a mesh up, and waits until it is ready. From then on the machine is measured.
    ///
    /// # Errors
    /// Why it does not come up within this time.
    pub async fn up(
        backend: &dyn Backend,
        spec: &meshkat_model::mesh::MeshSpec,
        within: Duration,
    ) -> Result<Self, NotUp> {
        let never = |error: MeshError| NotUp {
            hints: error.help().into_iter().collect(),
            error,
        };
        let watch = Arc::new(Watch::start());
        let started = BringUp::start(backend, spec).await.map_err(never)?;
        let started = started.watched(Arc::clone(&watch));
        let ready = started.ready(within).await;
        let held = Self {
            mesh: started.into_mesh(),
            watch,
        };
        let Err(error) = ready else { return Ok(held) };
        held.mesh.lease().look_again().await;
        let mut why = never(error);
        why.hints.extend(diagnose(&held.mesh, &Before::default()).await);
        if let Err(trouble) = held.down().await {
            why.hints.push(format!("the mesh was not removed: {trouble}"));
        }
        Err(why)
    }

    /// The mesh: who is in it, and where.
    pub fn mesh(&self) -> &RunningMesh {
        &self.mesh
    }

    /// Runs the steps of a case, until one does not hold, and judges the invariants. The mesh is left as the steps have left it.
    pub async fn run(&mut self, case: &Case) -> Came {
        let (sink, mut events) = Sink::new();
        let watch = Arc::clone(&self.watch);
        let work = async {
            // The sink is dropped with the work, and that ends whoever listens.
            let sink = sink;
            attempt(&self.mesh, case, Keep::Never, &watch, &sink).await
        };
        let heard = async { while events.recv().await.is_some() {} };
        let ((attempt, _), ()) = futures::future::join(work, heard).await;
        let (status, failure) = match attempt.void {
            None => (attempt.status, attempt.failure),
            Some(undecided) => {
                let failure = Failure {
                    step: attempt.steps.last().map(|step| step.name.clone()).unwrap_or_default(),
                    file: case.source.name().to_owned(),
                    line: undecided.line.unwrap_or(1),
                    message: "this machine was too busy to judge the steps".to_owned(),
                    expected: "a machine that lets the mesh do its part".to_owned(),
                    actual: undecided.why,
                    hints: vec!["run it again when less else runs here".to_owned()],
                };
                (Status::Errored, Some(failure))
            }
        };
        Came {
            status,
            checks: attempt.checks,
            requests: attempt.requests,
            failure,
        }
    }

    /// Ends the mesh, and removes what it left.
    ///
    /// # Errors
    /// What could not be ended or removed.
    pub async fn down(self) -> Result<(), RuntimeError> {
        self.mesh.release(None).await.map(drop)
    }
}
