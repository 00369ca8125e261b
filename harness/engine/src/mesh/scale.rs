//! Changing how many pods a group has, without losing a request.

use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use meshkat_runtime::Pod;

use super::{RunningMesh, error::MeshError};

impl RunningMesh {
    /// Brings a group to `count` pods. Pods that come are registered once they are ready. Pods that go, the latest first,
    /// are taken out of the registry and out of what the group's host name means, and stopped once no Envoy has them.
    ///
    /// # Errors
    /// Why the mesh did not follow.
    pub async fn scale(&self, group: &str, count: usize, limit: Duration) -> Result<(), MeshError> {
        let now: Vec<Pod> = self.pods().into_iter().filter(|pod| pod.group == group).collect();
        if count >= now.len() {
            let new = try_join_all((now.len()..count).map(|_| self.lease.add(group))).await?;
            let deadline = Instant::now() + limit;
            try_join_all(new.iter().map(|pod| self.pod_ready(pod, deadline, limit))).await?;
            let all = now.iter().chain(&new).map(|pod| pod.name.clone());
            self.name(group, all.collect()).await?;
            let hosts = self.registered(group).map(|mut hosts| {
                hosts.extend(new.iter().map(|pod| pod.name.clone()));
                hosts
            });
            self.follow(group, hosts.filter(|_| !new.is_empty()), limit).await
        } else {
            let gone: Vec<&str> = now[count..].iter().map(|pod| pod.name.as_str()).collect();
            self.name(group, now[..count].iter().map(|pod| pod.name.clone()).collect())
                .await?;
            let hosts = self.registered(group).map(|mut hosts| {
                hosts.retain(|host| !gone.contains(&host.as_str()));
                hosts
            });
            self.follow(group, hosts, limit).await?;
            let removed = join_all(gone.iter().map(|pod| self.lease.remove(pod))).await;
            removed.into_iter().collect::<Result<Vec<()>, _>>()?;
            Ok(())
        }
    }

    /// Makes the host name of a group mean these pods.
    async fn name(&self, group: &str, pods: Vec<String>) -> Result<(), MeshError> {
        self.lease.name(group, &pods).await?;
        self.state().named.insert(group.to_owned(), pods);
        Ok(())
    }

    /// Registers a service's new hosts and waits for the mesh to follow, host names too; a service that is not registered stays
    /// so.
    async fn follow(&self, service: &str, hosts: Option<Vec<String>>, limit: Duration) -> Result<(), MeshError> {
        if let Some(hosts) = hosts {
            self.register(service, hosts).await?;
        } else if self.configurations.values().all(|of| of.named.is_empty()) {
            return Ok(());
        }
        self.converge(limit).await
    }

    /// Starts what a name stands for and waits until it is ready. `sds` is told what was planned for it when it runs for the
    /// first time; `empty` starts it without the registry that it had.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn start(&self, name: &str, empty: bool, limit: Duration) -> Result<(), MeshError> {
        let targets = self.targets(name);
        if empty {
            for target in &targets {
                self.lease.forget(&target.pod).await?;
            }
            self.state().registry.lose();
        }
        try_join_all(targets.iter().map(|target| self.start_container(target))).await?;
        let deadline = Instant::now() + limit;
        let started = targets
            .iter()
            .filter_map(|target| self.lease.pod(&target.pod))
            .collect::<Vec<_>>();
        let is_told = self.state().registry.is_told;
        for sds in started.iter().filter(|pod| self.is_sds(pod)) {
            self.pod_ready(sds, deadline, limit).await?;
            if !is_told {
                self.tell_all().await?;
            }
        }
        try_join_all(started.iter().map(|pod| self.pod_ready(pod, deadline, limit))).await?;
        Ok(())
    }
}
