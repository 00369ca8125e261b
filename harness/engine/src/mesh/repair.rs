//! Undoing what a case did to a mesh, so that the next one finds it as it would find a new one.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use meshkat_model::mesh::{Container, MeshSpec};
use meshkat_runtime::{ContainerState, Pod, Target};

use super::{RunningMesh, error::MeshError};

impl RunningMesh {
    /// Makes the mesh what a new one of `spec` is, and asks it whether it is so: see [`RunningMesh::is_as_new`]. Whatever was done is
    /// undone by what is seen, and not by what was done. `spec` may have other numbers of pods than what the mesh was made
    /// from, and nothing else. Only for a mesh that was whole from the start, whose network nobody changed, and of which nobody was
    /// given a weight.
    ///
    /// # Errors
    /// What is not as it has to be when `limit` is over, or never will be.
    pub async fn repair(&mut self, spec: &MeshSpec, limit: Duration) -> Result<(), MeshError> {
        let is_scaled = !self.spec.scaled_to(spec).is_empty();
        self.spec = spec.clone();
        self.become_as_new(limit).await?;
        let mut state = self.state();
        state.scalings += usize::from(is_scaled);
        state.repairs += usize::from(!is_scaled);
        Ok(())
    }

    async fn become_as_new(&self, limit: Duration) -> Result<(), MeshError> {
        let deadline = Instant::now() + limit;
        if let Some(crashed) = self.crashed().await {
            return Err(crashed);
        }
        let (discovery, others): (Vec<Pod>, Vec<Pod>) = self.pods().into_iter().partition(|pod| self.is_sds(pod));
        // The discovery service first, so that whoever starts again gets its endpoints.
        try_join_all(discovery.iter().map(|pod| self.runs_again(pod))).await?;
        for pod in &discovery {
            self.application_ready(pod, deadline, limit).await?;
            self.discovery()?.delete_fault().await?;
        }
        try_join_all(others.iter().map(|pod| self.runs_again(pod))).await?;
        let faulty = self.pods().into_iter().filter(|pod| pod.application.is_some());
        try_join_all(faulty.map(|pod| async move {
            // One that has just been started does not listen yet.
            self.application_ready(&pod, deadline, limit).await?;
            match self.is_ones_own(&pod) {
                true => Ok(()),
                false => self.end_faults(&pod).await,
            }
        }))
        .await?;
        self.scale_all(deadline).await?;
        self.register_again().await?;
        try_join_all(self.pods().iter().map(|pod| self.pod_ready(pod, deadline, limit))).await?;
        self.is_as_new(deadline, limit).await
    }

    /// Lets go on what is frozen, and starts what has ended.
    async fn runs_again(&self, pod: &Pod) -> Result<(), MeshError> {
        for container in Container::BOTH {
            let target = Target::container(&pod.name, container);
            match pod.container(container) {
                Some(ContainerState::Paused { .. }) => self.lease.resume(&target).await?,
                Some(ContainerState::Exited { .. } | ContainerState::NotStarted) => {
                    self.start_container(&target).await?;
                }
                Some(ContainerState::Running { .. }) | None => {}
            }
        }
        Ok(())
    }

    /// As many pods of each group as are wanted, all groups at the same time.
    async fn scale_all(&self, deadline: Instant) -> Result<(), MeshError> {
        let rest = deadline.saturating_duration_since(Instant::now());
        let groups = self.spec.groups.iter().filter_map(|(name, group)| {
            let wanted = group.pod_names(name);
            (self.pods_of_group(name) != wanted).then(|| self.scale(name, wanted.len(), rest))
        });
        try_join_all(groups).await?;
        Ok(())
    }

    /// The names of a group's pods that there are now.
    pub(super) fn pods_of_group(&self, group: &str) -> Vec<String> {
        let pods = self.pods().into_iter();
        pods.filter(|pod| pod.group == group).map(|pod| pod.name).collect()
    }
}
