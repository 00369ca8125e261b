//! `admin`: asks or tells an Envoy by its admin interface.

use std::time::Duration;

use meshkat_driver::{Request, Route};
use meshkat_model::{
    mesh::Port,
    scenario::verb::admin::AdminStep,
    verdict::{self, Check},
};

use super::look::Patience;
use crate::case::{Broken, CaseRun};

/// How long an answer may take: as long as a large mesh needs to tell all that it is configured with.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take at the least, where what is expected has to come sooner.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(2);

impl CaseRun<'_> {
    pub(super) async fn admin(&mut self, step: &AdminStep) -> Result<(), Broken> {
        let patience = Patience::of(step.within, step.for_).in_a_row(step.in_a_row.as_ref());
        self.look(patience, async |run| run.ask_admin(step).await).await
    }

    async fn ask_admin(&mut self, step: &AdminStep) -> Result<Vec<Check>, Broken> {
        let expected = step.expected();
        let timeout = step
            .within
            .map_or(TIMEOUT, |within| within.0.clamp(SHORTEST_TIMEOUT, TIMEOUT));
        let mut checks = Vec::new();
        for name in step.admin.iter() {
            for pod in self.existing_pods(name)? {
                let route = Route {
                    socket: pod.socket(Port::Admin),
                    host: None,
                };
                let method = step.method.to_string();
                let request = Request::new(&method, &route, &step.path, [], timeout).map_err(Broken::Environment)?;
                let response = self.client.send(&request).await;
                let whom = format!("the Envoy of {}", pod.name);
                checks.extend(verdict::answer(&expected, &whom, &response, &self.surroundings()));
                if let Some(kept) = &step.keep {
                    self.keep(kept, response.variables());
                }
            }
        }
        Ok(checks)
    }
}
