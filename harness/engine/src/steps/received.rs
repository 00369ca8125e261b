//! `received`: what backends tell of what reached them, asked past every Envoy.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use meshkat_driver::{Request, Route};
use meshkat_model::{
    mesh::Port,
    observation::{Answer, Reached, Received},
    scenario::verb::{
        Step,
        received::{Backends, ReceivedStep, SinceWhen},
    },
    verdict::{self, Check, Unmet},
};
use meshkat_runtime::{InstanceId, Pod};

use super::look::{Patience, Seen};
use crate::case::{Broken, CaseRun};

/// How long a backend may take to tell.
const TIMEOUT: Duration = Duration::from_secs(10);

/// From where on what reached pods counts: how much had come before, by pod. What is said of a pod is of one of its lives; what reaches
/// the next one counts from its begin.
#[derive(Debug, Default)]
pub(crate) struct Before(BTreeMap<String, Result<(Option<InstanceId>, u64), String>>);

impl Before {
    /// How much had reached this life of a pod.
    fn of(&self, pod: &str, instance: &InstanceId) -> Result<u64, &str> {
        match self.0.get(pod) {
            Some(Ok((life, count))) if life.as_ref() == Some(instance) => Ok(*count),
            Some(Err(why)) => Err(why),
            Some(Ok(_)) | None => Ok(0),
        }
    }
}

impl CaseRun<'_> {
    /// Notes where `received` steps begin to count.
    pub(crate) async fn begin_to_receive(&mut self) {
        let names: BTreeSet<&str> = self
            .case
            .steps
            .iter()
            .filter_map(|step| match &step.value {
                Step::Received(step) => Some(step.received.keys().map(|name| name.as_str())),
                _ => None,
            })
            .flatten()
            .collect();
        self.received_before = self.before(names).await;
    }

    /// How much has reached the pods of these names so far.
    pub(super) async fn before<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Before {
        let mut before = Before::default();
        for name in names {
            for pod in self.mesh.pods_of(name) {
                let instance = pod.application.as_ref().and_then(|state| state.instance()).cloned();
                let so_far = match &instance {
                    // What is not there has received nothing.
                    None => Ok((None, 0)),
                    Some(_) => self.ask_received(&pod).await.map(|received| (instance, received.count)),
                };
                before.0.insert(pod.name, so_far);
            }
        }
        before
    }

    /// Holds what reached the backends since then against what is expected of it. Also how much has reached each by now.
    pub(super) async fn judge_received(
        &self,
        expected: &Backends,
        before: &Before,
    ) -> Result<(Vec<Check>, Before), Broken> {
        let mut all: BTreeMap<&str, Vec<Reached>> = BTreeMap::new();
        let mut now = Before::default();
        for name in expected.keys() {
            let mut reached = Vec::new();
            let pods = self.existing_pods(name)?;
            let is_alive = |pod: &&Pod| pod.application.as_ref().is_some_and(|state| state.is_alive());
            if !pods.iter().any(|pod| is_alive(&pod)) {
                return Err(nobody_tells(name, name, "its application does not run").into());
            }
            for pod in pods.iter().filter(is_alive) {
                let Some(instance) = pod.application.as_ref().and_then(|state| state.instance()) else {
                    continue;
                };
                let from = before.of(&pod.name, instance);
                let from =
                    from.map_err(|why| nobody_tells(name, &pod.name, &format!("when it was to begin, {why}")))?;
                let received = self.ask_received(pod).await;
                let received = received.map_err(|why| nobody_tells(name, &pod.name, &why))?;
                let count = Ok((Some(instance.clone()), received.count));
                now.0.insert(pod.name.clone(), count);
                reached.push(received.since(&pod.name, from));
            }
            all.insert(name.as_str(), reached);
        }
        let of = |name: &str| all.get(name).cloned().unwrap_or_default();
        Ok((verdict::received(expected, of, &self.surroundings()), now))
    }

    async fn ask_received(&self, pod: &Pod) -> Result<Received, String> {
        let route = Route {
            socket: pod.socket(Port::Application),
            host: None,
        };
        let request = Request::new("GET", &route, "/received", [], TIMEOUT)?;
        let response = self.client.send(&request).await;
        match &response.outcome {
            Ok(answer) if answer.status == 200 => Received::read(&json(answer)?),
            _ => Err(format!("`GET /received` had {}", response.summary())),
        }
    }

    pub(super) async fn received(&mut self, step: &ReceivedStep) -> Result<(), Broken> {
        let since_start = step.since.value == SinceWhen::Start;
        let patience = Patience::of(step.within, step.for_).in_a_row(step.in_a_row.as_ref());
        let mut last = None;
        let outcome = self
            .look(patience, async |run| {
                let before = if since_start {
                    &run.received_before
                } else {
                    &run.received_last
                };
                let (checks, now) = run.judge_received(&step.received, before).await?;
                last = Some(now);
                Ok(Seen::from(checks))
            })
            .await;
        if let Some(now) = last {
            self.received_last.0.extend(now.0);
        }
        outcome
    }
}

fn json(answer: &Answer) -> Result<serde_json::Value, String> {
    answer
        .json()
        .ok_or_else(|| "`GET /received` had an answer that is no JSON, or too long".to_owned())
}

fn nobody_tells(name: &str, pod: &str, why: &str) -> Unmet {
    Unmet {
        expected: format!("`{name}` tells what reached it"),
        actual: format!("{pod} does not: {why}"),
        ..Unmet::new("nobody can tell what the backend received")
    }
}
