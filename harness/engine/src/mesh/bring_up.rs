//! From a specification to a mesh that is ready: every Envoy live, with the endpoints that were asked for.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use meshkat_model::mesh::{Container, MeshSpec, Port};
use meshkat_runtime::{Backend, ContainerState, Pod};

use super::{MeshError, RunningMesh};
use crate::wait;

/// An Envoy that is not ready after this is asked where it looks for discovery.
const SUSPICIOUS: Duration = Duration::from_millis(250);

/// A mesh that was started and is perhaps not ready yet.
pub struct BringUp {
    mesh: RunningMesh,
}

impl BringUp {
    /// Starts everything that the specification starts.
    ///
    /// # Errors
    /// Why it cannot be started; what was started is gone again.
    pub async fn start(backend: &dyn Backend, spec: &MeshSpec) -> Result<Self, MeshError> {
        let lease = backend.lease(spec).await?;
        match RunningMesh::new(lease.clone(), spec) {
            Ok(mesh) => Ok(Self { mesh }),
            Err(error) => {
                if let Err(trouble) = lease.release(None).await {
                    // The first error is the one to tell.
                    tracing::warn!(error = %trouble, "failed to remove a mesh");
                }
                Err(error)
            }
        }
    }

    /// The mesh as it is: its pods have their addresses.
    pub fn mesh(&self) -> &RunningMesh {
        &self.mesh
    }

    /// Waits until the mesh is ready. Where the discovery service does not run from the start, an Envoy is ready when it
    /// answers.
    ///
    /// # Errors
    /// Why the mesh does not come up.
    pub async fn ready(&self, limit: Duration) -> Result<(), MeshError> {
        self.mesh.become_ready(Instant::now() + limit, limit).await
    }

    /// The mesh, to use.
    pub fn into_mesh(self) -> RunningMesh {
        self.mesh
    }
}

impl RunningMesh {
    async fn become_ready(&self, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        self.state().registry = self.planned_registry();
        // The registry is filled while the Envoys start: they ask for endpoints a good while after `sds` listens.
        let sds = self
            .pod("sds")
            .filter(|sds| sds.application.as_ref().is_some_and(ContainerState::is_alive));
        if let Some(sds) = sds {
            self.application_ready(&sds, deadline, limit).await?;
            self.tell_all().await?;
        }
        let pods = self.pods();
        try_join_all(pods.iter().map(|pod| self.pod_ready(pod, deadline, limit))).await?;
        Ok(())
    }

    /// Waits until what runs of a pod is ready: the application says so, and the Envoy is live with the endpoints that were
    /// asked for (without a discovery service: it answers).
    ///
    /// # Errors
    /// A container that ended by itself, or the last thing that was seen.
    pub async fn pod_ready(&self, pod: &Pod, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        let application = async {
            match &pod.application {
                Some(state) if state.is_alive() => self.application_ready(pod, deadline, limit).await,
                Some(state) if state.is_crashed() => Err(self.crash(pod, Container::Application, state.to_string())),
                _ => Ok(()),
            }
        };
        let envoy = async {
            match &pod.envoy {
                Some(state) if state.is_alive() => self.envoy_ready(pod, deadline, limit).await,
                Some(state) if state.is_crashed() => Err(self.crash(pod, Container::Envoy, state.to_string())),
                _ => Ok(()),
            }
        };
        futures::future::try_join(application, envoy).await?;
        Ok(())
    }

    pub(super) async fn application_ready(
        &self,
        pod: &Pod,
        deadline: Instant,
        limit: Duration,
    ) -> Result<(), MeshError> {
        let url = format!("http://{}/readyz", pod.socket(Port::Application));
        let look = || async {
            match self.http.get(&url).send().await {
                Ok(response) if response.status().is_success() => Ok(Ok(())),
                Ok(response) => Err(format!("/readyz says {}", response.status())),
                Err(error) => self
                    .ended(pod, Container::Application)
                    .map_or(Err(format!("/readyz: {error}")), |end| Ok(Err(end))),
            }
        };
        let ready = wait::until(deadline, look).await;
        self.in_time(ready, limit, |seen| format!("the application of {}: {seen}", pod.name))
    }

    async fn envoy_ready(&self, pod: &Pod, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        use meshkat_envoy::admin::Ready;
        let admin = self.admin(pod);
        let start = Instant::now();
        // A mesh that comes up as it should is not asked for more than it has to be.
        let lost = || async {
            match start.elapsed() > SUSPICIOUS && self.has_discovery() {
                true => self.lost(pod, false).await,
                false => None,
            }
        };
        let look = || async {
            match (admin.ready(super::ANSWER).await, self.has_discovery()) {
                (Ready::Live, true) => match self.endpoints_differ(pod).await {
                    None => Ok(Ok(())),
                    Some(difference) => lost().await.map_or(Err(difference), |lost| Ok(Err(lost))),
                },
                (Ready::Live | Ready::NotReady(_), false) => Ok(Ok(())),
                (Ready::NotReady(state), true) => {
                    let seen = format!("/ready says {state}");
                    lost().await.map_or(Err(seen), |lost| Ok(Err(lost)))
                }
                (Ready::Unreachable(why), _) => self
                    .ended(pod, Container::Envoy)
                    .map_or(Err(format!("its admin interface cannot be reached: {why}")), |end| {
                        Ok(Err(end))
                    }),
            }
        };
        let ready = wait::until(deadline, look).await;
        if ready.is_err()
            && self.has_discovery()
            && let Some(lost) = self.lost(pod, true).await
        {
            return Err(lost);
        }
        self.in_time(ready, limit, |seen| format!("the Envoy of {}: {seen}", pod.name))
    }

    /// Whether the discovery service runs now.
    pub(crate) fn has_discovery(&self) -> bool {
        self.pod("sds")
            .is_some_and(|sds| matches!(sds.application, Some(ContainerState::Running { .. })))
    }

    fn ended(&self, pod: &Pod, container: Container) -> Option<MeshError> {
        let now = self.lease.pod(&pod.name)?;
        let state = now.container(container).filter(|state| !state.is_alive())?.to_string();
        Some(self.crash(&now, container, state))
    }

    fn in_time(
        &self,
        ready: Result<Result<(), MeshError>, String>,
        limit: Duration,
        seen: impl Fn(String) -> String,
    ) -> Result<(), MeshError> {
        ready.unwrap_or_else(|last| {
            Err(MeshError::NotInTime {
                what: "become ready",
                limit,
                seen: seen(last),
            })
        })
    }
}
