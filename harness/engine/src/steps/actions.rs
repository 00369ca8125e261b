//! Steps that change the mesh.

use std::time::Duration;

use meshkat_driver::{Request, Route};
use meshkat_model::{
    mesh::Port,
    scenario::{
        quantity::Time,
        step::{FaultStep, Hosts, RegisterStep, ScaleStep, StartStep, UnregisterStep},
        value::OneOrMany,
    },
    yaml::At,
};
use meshkat_runtime::{RuntimeError, Target};
use serde_json::{Value, json};

use super::request::failed_check;
use crate::case::{Broken, CaseRun};

/// How long the mesh may take to follow where the step does not say.
const FOLLOW: Duration = Duration::from_secs(10);
/// How long an application may take to take a fault.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn limit(within: Option<Time>) -> Duration {
    within.map_or(FOLLOW, |time| time.0)
}

impl CaseRun<'_> {
    pub(super) async fn scale(&mut self, line: usize, step: &ScaleStep) -> Result<(), Broken> {
        for (group, count) in &step.scale {
            let outcome = self.mesh.scale(group, count.value as usize, limit(step.within)).await;
            self.judge_mesh(
                line,
                outcome,
                &format!("{} pods of `{}`, known to every Envoy", count.value, group.value),
            )?;
        }
        Ok(())
    }

    pub(super) async fn register(&mut self, line: usize, step: &RegisterStep) -> Result<(), Broken> {
        for (service, names) in &step.register {
            let pods = self.hosts(service, names);
            let outcome = self.mesh.register_weighted(service, pods, self.weights(names)).await;
            self.judge_mesh(
                line,
                outcome,
                &format!("the registry takes the hosts of `{}`", service.value),
            )?;
        }
        if step.unawaited {
            return Ok(());
        }
        let outcome = self.mesh.converge(limit(step.within)).await;
        self.judge_mesh(line, outcome, "every Envoy has the endpoints that were registered")?;
        if step.register.values().all(|hosts| !matches!(hosts, Hosts::Weighted(_))) {
            return Ok(());
        }
        let outcome = self.mesh.followed(limit(step.within)).await;
        self.judge_mesh(line, outcome, "every Envoy has acknowledged the weights")
    }

    pub(super) async fn unregister(&mut self, line: usize, step: &UnregisterStep) -> Result<(), Broken> {
        for service in step.unregister.iter() {
            let outcome = self.mesh.unregister(service).await;
            self.judge_mesh(line, outcome, &format!("the registry forgets `{}`", service.value))?;
        }
        Ok(())
    }

    pub(super) async fn start(&mut self, line: usize, step: &StartStep) -> Result<(), Broken> {
        for name in step.start.iter() {
            let outcome = self.mesh.start(name, step.empty, limit(step.within)).await;
            self.judge_mesh(line, outcome, &format!("{} starts and is ready", name.value))?;
        }
        Ok(())
    }

    pub(super) async fn stop(&mut self, names: &OneOrMany<At<String>>) -> Result<(), Broken> {
        for target in self.all_targets(names)? {
            environment(self.mesh.lease().stop(&target).await)?;
        }
        Ok(())
    }

    pub(super) async fn kill(&mut self, names: &OneOrMany<At<String>>) -> Result<(), Broken> {
        for target in self.all_targets(names)? {
            environment(self.mesh.lease().kill(&target).await)?;
        }
        Ok(())
    }

    pub(super) async fn pause(&mut self, names: &OneOrMany<At<String>>) -> Result<(), Broken> {
        for target in self.all_targets(names)? {
            environment(self.mesh.lease().pause(&target).await)?;
        }
        Ok(())
    }

    pub(super) async fn resume(&mut self, names: &OneOrMany<At<String>>) -> Result<(), Broken> {
        for target in self.all_targets(names)? {
            environment(self.mesh.lease().resume(&target).await)?;
        }
        Ok(())
    }

    fn all_targets(&self, names: &OneOrMany<At<String>>) -> Result<Vec<Target>, Broken> {
        let mut all = Vec::new();
        for name in names.iter() {
            let targets = self.mesh.targets(name);
            if targets.is_empty() {
                return Err(Broken::Expectation(failed_check(format!(
                    "there is no pod `{}` at this moment",
                    name.value
                ))));
            }
            all.extend(targets);
        }
        Ok(all)
    }

    pub(super) async fn fault(&mut self, line: usize, step: &FaultStep) -> Result<(), Broken> {
        let mut fault = serde_json::Map::new();
        fault.extend(step.status.map(|status| ("status".to_owned(), json!(status))));
        fault.extend(
            step.delay
                .map(|delay| ("delay_ms".to_owned(), json!(crate::case::millis(delay.0)))),
        );
        fault.extend(step.abort.then(|| ("abort".to_owned(), json!(true))));
        fault.extend(step.probability.map(|share| ("probability".to_owned(), json!(share))));
        fault.extend((!step.paths.is_empty()).then(|| ("paths".to_owned(), json!(step.paths))));
        self.faults(line, &step.fault, "PUT", Some(&Value::Object(fault))).await
    }

    pub(super) async fn heal(&mut self, line: usize, names: &OneOrMany<At<String>>) -> Result<(), Broken> {
        self.faults(line, names, "DELETE", None).await
    }

    async fn faults(
        &mut self,
        line: usize,
        names: &OneOrMany<At<String>>,
        method: &str,
        body: Option<&Value>,
    ) -> Result<(), Broken> {
        for name in names.iter() {
            for pod in self.mesh.pods_of(name) {
                let route = Route {
                    socket: pod.socket(Port::Application),
                    host: None,
                };
                let request = Request::new(method, &route, "/faults", [], TIMEOUT).map_err(Broken::Environment)?;
                let request = self.authorized(request)?;
                let request = match body {
                    Some(body) => request.body(body),
                    None => request,
                };
                let response = self.client.send(&request).await;
                let taken = response
                    .outcome
                    .as_ref()
                    .is_ok_and(|answer| (200..300).contains(&answer.status));
                if !taken {
                    let mut check = failed_check(format!("the application of {} does not take the fault", pod.name));
                    check.line = line;
                    check.expected = format!("{method} /faults succeeds");
                    check.actual = response.summary();
                    return Err(Broken::Expectation(check));
                }
            }
        }
        Ok(())
    }
}

/// What the runtime cannot do is the environment's fault; what cannot be done to a container in its state is the scenario's.
pub(super) fn environment(outcome: Result<(), RuntimeError>) -> Result<(), Broken> {
    outcome.map_err(|error| match error {
        RuntimeError::WrongState { .. } => Broken::Expectation(failed_check(error.to_string())),
        _ => Broken::Environment(error.to_string()),
    })
}
