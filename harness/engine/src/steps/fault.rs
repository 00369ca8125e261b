//! `fault`, `heal`: applications that fail on purpose.

use std::time::Duration;

use meshkat_driver::{Request, Route};
use meshkat_model::{
    mesh::Port,
    scenario::{
        value::OneOrMany,
        verb::fault::{FaultStep, HealStep},
    },
    verdict::Unmet,
    yaml::At,
};
use serde_json::{Value, json};

use crate::case::{Broken, CaseRun, millis};

/// How long an application may take to take a fault.
const TIMEOUT: Duration = Duration::from_secs(2);

impl CaseRun<'_> {
    pub(super) async fn fault(&mut self, step: &FaultStep) -> Result<(), Broken> {
        let mut fault = serde_json::Map::new();
        fault.extend(step.status.map(|status| ("status".to_owned(), json!(status))));
        fault.extend(step.delay.map(|delay| ("delay_ms".to_owned(), json!(millis(delay.0)))));
        fault.extend(step.abort.then(|| ("abort".to_owned(), json!(true))));
        fault.extend(step.probability.map(|share| ("probability".to_owned(), json!(share))));
        fault.extend((!step.paths.is_empty()).then(|| ("paths".to_owned(), json!(step.paths))));
        self.faults(&step.fault, "PUT", Some(&Value::Object(fault))).await
    }

    pub(super) async fn heal(&mut self, step: &HealStep) -> Result<(), Broken> {
        self.faults(&step.heal, "DELETE", None).await
    }

    async fn faults(
        &mut self,
        names: &OneOrMany<At<String>>,
        method: &str,
        body: Option<&Value>,
    ) -> Result<(), Broken> {
        for pod in names.iter().flat_map(|name| self.mesh.pods_of(name)) {
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
            let answer = response.outcome.as_ref();
            if !answer.is_ok_and(|answer| (200..300).contains(&answer.status)) {
                return Err(Unmet {
                    expected: format!("{method} /faults succeeds"),
                    actual: response.summary(),
                    ..Unmet::new(format!("the application of {} does not take the fault", pod.name))
                }
                .into());
            }
        }
        Ok(())
    }
}
