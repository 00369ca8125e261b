//! From a specification to a mesh that is ready: every Envoy live, with the endpoints that were asked for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use meshkat_model::mesh::{Container, MeshSpec, Port};
use meshkat_runtime::{Backend, ContainerState, Pod, Target};

use super::{ANSWER, RunningMesh, configurations, error::MeshError, wanted::Wanted};
use crate::machine::Watch;

/// An Envoy that is not ready after this is asked where it looks for discovery.
const SUSPICIOUS: Duration = Duration::from_millis(250);

/// 1 once the workers of an Envoy have its listeners.
const WORKERS_STARTED: &str = "listener_manager.workers_started";
const WORKERS: &str = "^listener_manager\\.workers_started$";

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
        let configurations = configurations::read(spec)?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .build()?;
        let mut first = spec.clone();
        for (name, group) in &mut first.groups {
            group.started &= configurations.get(name).is_none_or(|of| !of.is_late);
        }
        let lease = backend.lease(&first).await?;
        Ok(Self {
            mesh: RunningMesh::new(lease, spec, configurations, http),
        })
    }

    /// The same on a machine that is measured: where it is busy, whoever waits for the mesh waits for longer.
    #[must_use]
    pub fn watched(self, watch: Arc<Watch>) -> Self {
        Self {
            mesh: self.mesh.watched(watch),
        }
    }

    /// The mesh as it is: its pods have their addresses.
    pub fn mesh(&self) -> &RunningMesh {
        &self.mesh
    }

    /// Waits until the mesh is ready. Where the discovery service does not run from the start, an Envoy that asks it is ready when
    /// it answers.
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
        self.state().registry = Wanted::new(self.planned_registry());
        // The registry is filled while the Envoys start: they ask for endpoints a good while after `sds` listens.
        let sds = self
            .sds()
            .filter(|sds| sds.application.as_ref().is_some_and(ContainerState::is_alive));
        if let Some(sds) = sds {
            self.application_ready(&sds, deadline, limit).await?;
            self.tell_all().await?;
        }
        self.start_late(Container::Application).await?;
        self.all_ready(deadline, limit).await?;
        if self.configurations.values().any(|of| of.is_late) {
            self.start_late(Container::Envoy).await?;
            self.all_ready(deadline, limit).await?;
        }
        Ok(())
    }

    async fn all_ready(&self, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        let pods = self.pods();
        try_join_all(pods.iter().map(|pod| self.pod_ready(pod, deadline, limit))).await?;
        Ok(())
    }

    /// Starts one of the containers of each pod whose Envoy starts when all others are ready.
    async fn start_late(&self, container: Container) -> Result<(), MeshError> {
        let mut pods = self.pods();
        let is_late = |pod: &Pod| self.configurations.get(&pod.group).is_some_and(|of| of.is_late);
        pods.retain(|pod| is_late(pod) && pod.container(container).is_some());
        let targets: Vec<Target> = pods.iter().map(|pod| Target::container(&pod.name, container)).collect();
        try_join_all(targets.iter().map(|target| self.start_container(target))).await?;
        Ok(())
    }

    /// Waits until what runs of a pod is ready: the application says so, and the Envoy is live, has the endpoints that were asked
    /// for, and listens. Where the discovery service that it asks does not run, it is ready when it answers.
    ///
    /// # Errors
    /// A container that ended by itself, or the last thing that was seen.
    pub async fn pod_ready(&self, pod: &Pod, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        let application = async {
            match &pod.application {
                Some(state) if state.is_alive() => self.application_ready(pod, deadline, limit).await,
                Some(state) if state.is_crashed() => {
                    let end = self.crash(pod, Container::Application, state.predicate()).await;
                    Err(self.ended_early(pod, end))
                }
                _ => Ok(()),
            }
        };
        let envoy = async {
            match &pod.envoy {
                Some(state) if state.is_alive() => self.envoy_ready(pod, deadline, limit).await,
                Some(state) if state.is_crashed() => Err(self.crash(pod, Container::Envoy, state.predicate()).await),
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
        if let Some(program) = self.program(pod) {
            return self.program_ready(pod, program, deadline, limit).await;
        }
        let url = format!("http://{}/readyz", pod.socket(Port::Application));
        let look = || async {
            match self.http.get(&url).send().await {
                Ok(response) if response.status().is_success() => Ok(Ok(())),
                Ok(response) => Err(format!("/readyz says {}", response.status())),
                Err(error) => self
                    .ended(pod, Container::Application)
                    .await
                    .map_or(Err(format!("/readyz: {error}")), |end| Ok(Err(end))),
            }
        };
        let ready = self.until(deadline, limit, look).await;
        self.in_time(ready, limit, |seen| format!("the application of {}: {seen}", pod.name))
    }

    async fn envoy_ready(&self, pod: &Pod, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        use meshkat_envoy::admin::Ready;
        let admin = self.admin(pod);
        // It is asked for by who wants to see an Envoy wait.
        let asks = self.configurations.get(&pod.group).is_some_and(|of| of.asks);
        let waits = self.spec.has_registry() && asks;
        let start = Instant::now();
        // A mesh that comes up as it should is not asked for more than it has to be.
        let or_lost = async |seen: String| {
            let lost = match start.elapsed() > SUSPICIOUS && self.has_discovery() {
                true => self.lost(pod, false).await,
                false => None,
            };
            lost.map_or(Err(seen), |lost| Ok(Err(lost)))
        };
        let look = || async {
            match admin.ready(ANSWER).await {
                Ready::Live | Ready::NotReady(_) if waits && !self.has_discovery() => Ok(Ok(())),
                Ready::Live => {
                    let difference = match self.has_discovery() {
                        true => self.endpoints_differ(pod).await,
                        false => None,
                    };
                    match difference {
                        None => self.listens(pod).await.map(Ok),
                        Some(difference) => or_lost(difference).await,
                    }
                }
                Ready::NotReady(state) => or_lost(format!("/ready says {state}")).await,
                Ready::Unreachable(why) => self
                    .ended(pod, Container::Envoy)
                    .await
                    .map_or(Err(format!("its admin interface cannot be reached: {why}")), |end| {
                        Ok(Err(end))
                    }),
            }
        };
        let ready = self.until(deadline, limit, look).await;
        if ready.is_err()
            && self.has_discovery()
            && let Some(lost) = self.lost(pod, true).await
        {
            return Err(lost);
        }
        self.in_time(ready, limit, |seen| format!("the Envoy of {}: {seen}", pod.name))
    }

    /// Whether the workers of a pod's Envoy take connections: it says that it is live a moment before.
    async fn listens(&self, pod: &Pod) -> Result<(), String> {
        let stats = self.admin(pod).stats(Some(WORKERS), ANSWER).await;
        match stats.map(|stats| stats.number(WORKERS_STARTED)) {
            Ok(Some(0)) => Err("its workers have not started".to_owned()),
            Ok(_) => Ok(()),
            Err(why) => Err(why.to_string()),
        }
    }

    /// Whether the discovery service runs now.
    pub(crate) fn has_discovery(&self) -> bool {
        self.sds()
            .is_some_and(|sds| matches!(sds.application, Some(ContainerState::Running { .. })))
    }

    pub(super) async fn ended(&self, pod: &Pod, container: Container) -> Option<MeshError> {
        let now = self.lease.pod(&pod.name)?;
        let state = now.container(container).filter(|state| !state.is_alive())?.predicate();
        Some(self.crash(&now, container, state).await)
    }

    pub(super) fn in_time(
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
