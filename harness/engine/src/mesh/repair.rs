//! Undoing what a case did to a mesh, so that the next one finds it as the case found it.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use meshkat_model::mesh::Container;
use meshkat_runtime::{ContainerState, Pod, Target};

use super::{RunningMesh, error::MeshError};

impl RunningMesh {
    /// Brings the mesh back to what it was made from, and asks it whether it is so: see [`RunningMesh::is_as_new`]. Whatever
    /// was done is undone by what is seen, and not by what was done. Only for a mesh that was whole from the start, whose network
    /// nobody changed, and of which nobody was given a weight.
    ///
    /// # Errors
    /// What is not as it was when `limit` is over, or never will be.
    pub async fn repair(&self, limit: Duration) -> Result<(), MeshError> {
        let deadline = Instant::now() + limit;
        if let Some(crashed) = self.crashed().await {
            return Err(crashed);
        }
        let (discovery, others): (Vec<Pod>, Vec<Pod>) = self.pods().into_iter().partition(|pod| pod.group == "sds");
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
            self.end_faults(&pod).await
        }))
        .await?;
        self.scale_back(deadline).await?;
        self.register_again().await?;
        try_join_all(self.pods().iter().map(|pod| self.pod_ready(pod, deadline, limit))).await?;
        self.is_as_new(deadline, limit).await?;
        self.state().repairs += 1;
        Ok(())
    }

    /// Lets go on what is frozen, and starts what has ended.
    async fn runs_again(&self, pod: &Pod) -> Result<(), MeshError> {
        for container in Container::BOTH {
            let target = Target::container(&pod.name, container);
            match pod.container(container) {
                Some(ContainerState::Paused { .. }) => self.lease.resume(&target).await?,
                Some(ContainerState::Exited { .. } | ContainerState::NotStarted) => self.lease.start(&target).await?,
                Some(ContainerState::Running { .. }) | None => {}
            }
        }
        Ok(())
    }

    /// As many pods of each group as there were.
    async fn scale_back(&self, deadline: Instant) -> Result<(), MeshError> {
        for (name, group) in &self.spec.groups {
            let wanted = group.pod_names(name);
            if self.pods_of_group(name) != wanted {
                let rest = deadline.saturating_duration_since(Instant::now());
                self.scale(name, wanted.len(), rest).await?;
            }
        }
        Ok(())
    }

    /// The names of a group's pods that there are now.
    pub(super) fn pods_of_group(&self, group: &str) -> Vec<String> {
        let pods = self.pods().into_iter();
        pods.filter(|pod| pod.group == group).map(|pod| pod.name).collect()
    }
}
