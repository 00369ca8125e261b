//! Requests: once, several times, until they hold, or as long as they must hold.

use std::time::{Duration, Instant};

use indexmap::IndexMap;
use meshkat_driver::{Request, Route};
use meshkat_model::{
    mesh::Port,
    observation::{Response, Served},
    scenario::step::RequestStep,
    verdict::{self, Check},
    yaml::At,
};
use meshkat_runtime::Pod;

use crate::case::{Broken, CaseRun};

/// How long one answer may take where the step does not say: as long as the routes of the mesh's own configurations, and a
/// little more, so that it is Envoy that gives up first and says why.
const TIMEOUT: Duration = Duration::from_secs(6);
/// By how many different lists of pods the requests of a step may be answered: more than any mesh has ways.
const MOST_CHAINS: usize = 10_000;
/// Between two requests of a step that waits, or that must hold for a time.
const PACE: Duration = Duration::from_millis(10);

impl CaseRun<'_> {
    pub(super) async fn request(&mut self, line: usize, step: &RequestStep) -> Result<(), Broken> {
        let request = self.prepare(step)?;
        let mut seen = Served::default();
        let outcome = match (step.within, step.for_) {
            (Some(limit), _) => self.until_it_holds(step, &request, limit.0, &mut seen).await,
            (_, Some(time)) => self.as_long_as(step, &request, time.0, &mut seen).await,
            _ => self.times(step, &request, &mut seen).await,
        };
        outcome.map_err(|mut check| {
            if check.line == 0 {
                check.line = line;
            }
            Broken::Expectation(check)
        })
    }

    async fn times(&mut self, step: &RequestStep, request: &Request, seen: &mut Served) -> Result<(), Check> {
        let times = step.times.as_ref().map_or(1, |times| times.value);
        for number in 1..=times {
            let checks = self.once(step, request, seen).await;
            self.held(checks).map_err(|check| {
                if times > 1 {
                    note(check, &format!("request {number} of {times}"))
                } else {
                    check
                }
            })?;
        }
        let surroundings = self.surroundings();
        self.held(verdict::took_part(step, seen, &surroundings))
    }

    async fn until_it_holds(
        &mut self,
        step: &RequestStep,
        request: &Request,
        limit: Duration,
        seen: &mut Served,
    ) -> Result<(), Check> {
        let start = Instant::now();
        for attempt in 1_u64.. {
            let mut checks = self.once(step, request, seen).await;
            checks.extend(verdict::took_part(step, seen, &self.surroundings()));
            let holds = checks.iter().all(|check| check.held);
            if holds || start.elapsed() >= limit {
                let when = format!("not within {limit:?}, in {attempt} attempts; the last one");
                return self.held(checks).map_err(|check| note(check, &when));
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    async fn as_long_as(
        &mut self,
        step: &RequestStep,
        request: &Request,
        time: Duration,
        seen: &mut Served,
    ) -> Result<(), Check> {
        let start = Instant::now();
        while start.elapsed() < time {
            let checks = self.once(step, request, seen).await;
            self.held(checks)
                .map_err(|check| note(check, &format!("after {:.1?} of {time:?}", start.elapsed())))?;
            tokio::time::sleep(PACE).await;
        }
        let surroundings = self.surroundings();
        self.held(verdict::took_part(step, seen, &surroundings))
    }

    async fn once(&mut self, step: &RequestStep, request: &Request, seen: &mut Served) -> Vec<Check> {
        self.requests += 1;
        let response = self.client.send(request).await;
        let mut checks = Vec::new();
        if let Ok(answer) = &response.outcome {
            if seen.0.len() < MOST_CHAINS {
                seen.add(answer.served_by(), 1);
            } else if !answer.served_by().is_empty() {
                checks.push(too_many_served(&response));
            }
        }
        checks.extend(verdict::response(step, &response, &self.surroundings()));
        self.keep_response(step, &response);
        checks
    }

    fn keep_response(&mut self, step: &RequestStep, response: &Response) {
        if let Some(name) = &step.keep {
            self.keep(name, response.variables());
        }
    }

    fn held(&mut self, checks: Vec<Check>) -> Result<(), Check> {
        self.judge(checks).map_err(|broken| match broken {
            Broken::Expectation(check) => check,
            Broken::Environment(message) => failed_check(message),
        })
    }

    fn prepare(&self, step: &RequestStep) -> Result<Request, Broken> {
        let (method, path) = step.line();
        let ways = Ways {
            at: step.at.as_ref(),
            from: step.from.as_ref(),
            straight_to: step.straight_to.as_ref(),
        };
        let timeout = step.timeout.map_or(TIMEOUT, |time| time.0);
        let request = self.make_request(method, path, &ways, step.host.as_ref(), &step.headers, timeout)?;
        let request = match &step.connections {
            Some(connections) => request.connections(connections.value),
            None => request,
        };
        Ok(match &step.body {
            Some(body) => request.body(&body.0),
            None => request,
        })
    }

    /// A request that goes one of three ways: into a pod's Envoy, out of it, or past it.
    pub(super) fn make_request(
        &self,
        method: &str,
        path: &str,
        ways: &Ways<'_>,
        host: Option<&String>,
        headers: &IndexMap<String, String>,
        timeout: Duration,
    ) -> Result<Request, Broken> {
        let (name, port) = match (ways.at, ways.from, ways.straight_to) {
            (_, Some(pod), _) => (pod.as_str(), Port::Outbound),
            (_, _, Some(pod)) => (pod.as_str(), Port::Application),
            (Some(pod), _, _) => (pod.as_str(), Port::Inbound),
            _ => ("ingress", Port::Inbound),
        };
        let pod = self.existing(name)?;
        let route = Route {
            socket: pod.socket(port),
            host: host.cloned(),
        };
        let request = Request::new(method, &route, path, headers, timeout).map_err(Broken::Environment)?;
        if port == Port::Application && changes_an_application(method, path) {
            return self.authorized(request);
        }
        Ok(request)
    }

    /// The same request of somebody who may change what an application does. What a scenario says itself stays.
    pub(super) fn authorized(&self, request: Request) -> Result<Request, Broken> {
        match self.mesh.lease().authorization() {
            Some(authorization) => request.authorization(authorization).map_err(Broken::Environment),
            None => Ok(request),
        }
    }

    /// A pod that is there now; one that was scaled away is the scenario's mistake, told as such.
    pub(super) fn existing(&self, name: &str) -> Result<Pod, Broken> {
        self.mesh.pod(name).ok_or_else(|| {
            let pods: Vec<String> = self.mesh.pods().into_iter().map(|pod| pod.name).collect();
            let mut check = failed_check(format!("there is no pod `{name}` at this moment"));
            check.expected = format!("a pod `{name}`");
            check.actual = format!("there are {}", pods.join(", "));
            Broken::Expectation(check)
        })
    }
}

/// Whether a request is one that an application takes from those alone who may. What only looks like one is told nothing.
fn changes_an_application(method: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    !["GET", "HEAD", "OPTIONS", "TRACE"].contains(&method)
        && (path == "/faults" || path.starts_with("/edsservice/") || path.starts_with("/xds/v3/"))
}

/// The ways that a request can go; none is the ingress.
pub(super) struct Ways<'a> {
    pub(super) at: Option<&'a At<String>>,
    pub(super) from: Option<&'a At<String>>,
    pub(super) straight_to: Option<&'a At<String>>,
}

/// A check that did not hold, without a line of its own: the step's is told.
pub(super) fn failed_check(message: String) -> Check {
    Check {
        line: 0,
        held: false,
        message,
        expected: String::new(),
        actual: String::new(),
    }
}

/// Who answered is not to be told any more: whatever is expected of it does not hold.
fn too_many_served(response: &Response) -> Check {
    let mut check = failed_check(format!(
        "more than {MOST_CHAINS} different lists of pods served this step's requests"
    ));
    check.expected = format!("up to {MOST_CHAINS}, as of a mesh");
    check.actual = response.summary();
    check
}

fn note(mut check: Check, when: &str) -> Check {
    check.actual = format!("{when}: {}", check.actual);
    check
}
