//! What an Envoy says of itself, for expectations.

use indexmap::IndexMap;
use meshkat_envoy::admin::{Ready, Stat, Stats};
use meshkat_model::{observation::EnvoyView, scenario::verb::envoy::Asked};
use meshkat_runtime::Pod;

use super::{ANSWER, RunningMesh, converge::name_of};

impl RunningMesh {
    /// Asks a pod's Envoy for what is `asked`. One that cannot be reached is a view, too.
    pub async fn view(&self, pod: &Pod, asked: &Asked<'_>) -> EnvoyView {
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
        // As it is now, and not when somebody last looked.
        let now = self.pod(&pod.name);
        let life = now
            .as_ref()
            .and_then(|pod| pod.envoy.as_ref()?.instance())
            .map(ToString::to_string);
        let mut view = EnvoyView {
            life,
            ready,
            ..EnvoyView::default()
        };
        view.stats = match &asked.stats {
            Some(names) if names.is_empty() => IndexMap::new(),
            Some(names) => {
                let some = numbers(admin.stats_of(names, ANSWER).await.ok());
                match names.iter().all(|name| some.contains_key(*name)) {
                    true => some,
                    // What the missing ones mean is told from all that there are.
                    false => numbers(admin.stats(None, ANSWER).await.ok()),
                }
            }
            None => numbers(admin.stats(None, ANSWER).await.ok()),
        };
        if !asked.endpoints {
            return view;
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

/// The counters and gauges; an Envoy that did not tell has none.
fn numbers(stats: Option<Stats>) -> IndexMap<String, f64> {
    let stats = stats.iter().flat_map(Stats::iter);
    stats
        .filter_map(|(name, stat)| match stat {
            Stat::Number(number) => Some((name.to_owned(), *number as f64)),
            Stat::Text(_) => None,
        })
        .collect()
}
