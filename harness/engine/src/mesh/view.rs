//! What an Envoy says of itself, for expectations.

use meshkat_envoy::admin::{Ready, Stat};
use meshkat_model::observation::EnvoyView;
use meshkat_runtime::Pod;

use super::{ANSWER, RunningMesh, converge::name_of};

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
        // All of them: a name that is not among them cannot be told from one that was not asked for.
        if let Ok(stats) = admin.stats(None, ANSWER).await {
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
