//! Access logs come a moment after the answers: Envoy writes them at intervals.

use std::time::{Duration, Instant};

use futures::future::join_all;
use meshkat_envoy::{access, admin::Stat};
use meshkat_model::mesh::Container;
use meshkat_runtime::Pod;

use super::RunningMesh;
use crate::wait;

/// What an Envoy counts at the end of each request; those to its admin interface have no line in a log.
const COMPLETED: &str = "^http\\..*\\.downstream_rq_completed$";
const OF_ADMIN: &str = "http.admin.downstream_rq_completed";
/// More of a log than this is not looked through.
const LOG: usize = 16 << 20;

impl RunningMesh {
    /// Waits until every running Envoy has a line in its access log for each request that it has answered. An Envoy that
    /// keeps no such log is waited for until the limit; that nothing more came is no error.
    pub(crate) async fn access_logged(&self, limit: Duration) {
        let pods = self.pods();
        join_all(pods.iter().map(|pod| self.pod_access_logged(pod, limit))).await;
    }

    /// The same of one pod.
    pub(crate) async fn pod_access_logged(&self, pod: &Pod, limit: Duration) {
        if pod.has_running_envoy() {
            let deadline = Instant::now() + limit;
            let look = || async { self.has_logged(pod, limit).await.then_some(()).ok_or(()) };
            // That nothing more came is no error.
            let _ = wait::until(deadline, look).await;
        }
    }

    async fn has_logged(&self, pod: &Pod, limit: Duration) -> bool {
        let Ok(stats) = self.admin(pod).stats(Some(COMPLETED), limit).await else {
            // It does not say; what it would log is not to be known.
            return true;
        };
        let completed: u64 = stats
            .iter()
            .filter(|(name, _)| *name != OF_ADMIN)
            .filter_map(|(_, stat)| match stat {
                Stat::Number(number) => Some(*number),
                Stat::Text(_) => None,
            })
            .sum();
        let log = self
            .lease
            .log(&pod.name, Container::Envoy, LOG)
            .await
            .unwrap_or_default();
        access::count(&log) as u64 >= completed
    }
}
