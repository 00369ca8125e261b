//! `discovery`: what happens to the discovery service.

use std::{collections::BTreeMap, time::Duration};

use meshkat_model::{
    mesh::Container,
    scenario::verb::discovery::{Discovery, DiscoveryStep},
};
use meshkat_runtime::Target;
use serde_json::{Value, json};

use crate::{
    case::{Broken, CaseRun, environment, millis},
    mesh::discovery::Restored,
    wait::limit,
};

/// How much later a slow discovery service answers where the step does not say: within what Envoys wait for an answer.
const DELAY: Duration = Duration::from_millis(500);
/// How long a flapping discovery service answers, and then does not.
const FLAP: Duration = Duration::from_millis(300);

impl CaseRun<'_> {
    pub(super) async fn discovery(&mut self, step: &DiscoveryStep) -> Result<(), Broken> {
        let target = Target::container("sds", Container::Application);
        let what = step.discovery.value;
        let fault = match what {
            Discovery::Killed => return environment(self.mesh.lease().kill(&target).await),
            Discovery::Hung => return environment(self.mesh.lease().pause(&target).await),
            Discovery::Restored => return self.restored(step).await,
            Discovery::Silent => json!({"hang": true}),
            Discovery::Cut => json!({"cut": true}),
            Discovery::Refusing => json!({"refuse": 503}),
            Discovery::Slow => json!({"delay": duration(step.delay.map_or(DELAY, |delay| delay.0))}),
            Discovery::Garbage => json!({"garbage": true}),
            Discovery::Invalid => json!({"invalid": true}),
            Discovery::Empty => json!({"empty": true}),
            Discovery::Flapping => json!({"flap": duration(step.every.map_or(FLAP, |every| every.0))}),
        };
        let outcome = self.mesh.fault_discovery(&self.only_for(fault, step)).await;
        self.judge_mesh(outcome, &format!("the discovery service is {what}"))
    }

    fn only_for(&self, mut fault: Value, step: &DiscoveryStep) -> Value {
        if let Some(only) = &step.only_for {
            let pods = only.iter().flat_map(|name| self.mesh.pods_of(name));
            // By the nodes' ids, which are the pods' names.
            fault["node_clusters"] = pods.map(|pod| json!(pod.name)).collect();
        }
        fault
    }

    async fn restored(&mut self, step: &DiscoveryStep) -> Result<(), Broken> {
        let endpoints = step
            .endpoints
            .iter()
            .map(|(service, hosts)| (service.value.clone(), self.hosts(service, hosts)));
        let restored = Restored {
            lost: step.is_lost(),
            endpoints: endpoints.collect::<BTreeMap<_, _>>(),
        };
        let outcome = self.mesh.restore(&restored, limit(step.within)).await;
        self.judge_mesh(
            outcome,
            "the discovery service is back, and every Envoy has acknowledged what it says",
        )
    }
}

fn duration(time: Duration) -> String {
    format!("{}ms", millis(time))
}
