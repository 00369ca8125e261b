//! What an Envoy says of itself, for expectations.

use std::sync::LazyLock;

use meshkat_envoy::admin::{Ready, Stat};
use meshkat_model::observation::{EnvoyView, STAT_ROOTS};
use meshkat_runtime::Pod;

use super::{ANSWER, RunningMesh, converge::name_of};

/// The statistics that expectations can ask for; the rest (of the process, of access logs) would only fill memory.
static STATS: LazyLock<String> = LazyLock::new(|| format!("^({})\\.", STAT_ROOTS.join("|")));

impl RunningMesh {
    /// Asks a pod's Envoy. One that cannot be reached is a view, too.
    pub async fn view(&self, pod: &Pod) -> EnvoyView {
        let admin = self.admin(pod);
        let ready = match admin.ready(ANSWER).await {
            Ready::Live => "LIVE".to_owned(),
            Ready::NotReady(state) => state,
            Ready::Unreachable(_) => {
                return EnvoyView {
                    ready: "unreachable".to_owned(),
                    ..EnvoyView::default()
                };
            }
        };
        let mut view = EnvoyView {
            ready,
            ..EnvoyView::default()
        };
        if let Ok(stats) = admin.stats(Some(&STATS), ANSWER).await {
            view.stats = stats
                .iter()
                .filter_map(|(name, stat)| match stat {
                    Stat::Number(number) => Some((name.to_owned(), *number as f64)),
                    Stat::Text(_) => None,
                })
                .collect();
        }
        if let Ok(clusters) = admin.clusters(ANSWER).await {
            let pods = self.pods();
            for cluster in clusters.iter() {
                let names = cluster
                    .hosts
                    .iter()
                    .filter_map(|host| host.socket())
                    .map(|socket| name_of(&pods, socket));
                view.endpoints.insert(cluster.name.clone(), names.collect());
            }
        }
        view
    }
}
