//! `get` … `delete`: requests.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use meshkat_driver::{Request, Route};
use meshkat_model::{
    mesh::Port,
    observation::{Response, Served},
    scenario::verb::{request::RequestStep, target::Target},
    verdict::{self, Unmet},
};

use super::{
    look::{Patience, Seen},
    received::Before,
};
use crate::case::{Broken, CaseRun};

/// How long one answer may take where the step does not say: as long as the routes of the mesh's own configurations, and a
/// little more, so that it is Envoy that gives up first and says why.
const TIMEOUT: Duration = Duration::from_secs(6);
/// By how many different lists of pods the requests of a step may be answered: more than any mesh has ways.
pub(super) const MOST_CHAINS: usize = 10_000;

impl CaseRun<'_> {
    pub(super) async fn request(&mut self, step: &RequestStep) -> Result<(), Broken> {
        let (method, path) = step.line();
        let request = self.request_to(method, path, &step.to)?;
        let request = match &step.body {
            Some(body) => request.body(&body.0),
            None => request,
        };
        let mut seen = Served::default();
        let patience = Patience::of(step.within, step.for_).in_a_row(step.in_a_row.as_ref());
        let backends = || step.received.keys().map(|name| name.as_str());
        if let Patience::Within(_) | Patience::InARow(..) = patience {
            // Who took part becomes true with the rest.
            let look = async |run: &mut Self| {
                let before = run.before(backends()).await;
                let mut looked = run.send(step, &request, &mut seen).await?;
                looked
                    .checks
                    .extend(verdict::took_part(step, &seen, &run.surroundings()));
                run.add_received(step, &before, &mut looked).await?;
                Ok(looked)
            };
            return self.look(patience, look).await;
        }
        if let Patience::For(_) = patience {
            let look = async |run: &mut Self| {
                let before = run.before(backends()).await;
                let mut looked = run.send(step, &request, &mut seen).await?;
                run.add_received(step, &before, &mut looked).await?;
                Ok(looked)
            };
            self.look(patience, look).await?;
            let took_part = verdict::took_part(step, &seen, &self.surroundings());
            return Ok(self.judge(took_part)?);
        }
        let before = self.before(backends()).await;
        let times = step.times.as_ref().map_or(1, |times| times.value);
        let of_many = |number: u32, broken: Broken| match broken {
            Broken::Expectation(unmet) if times > 1 => unmet.after(&format!("request {number} of {times}: ")).into(),
            broken => broken,
        };
        if let Some(parallel) = &step.parallel {
            let client = &self.client.clone();
            let request = &self.with_cookies(step, &request)?;
            let sent = stream::iter(1..=times)
                .map(|number| async move { (number, Instant::now(), client.send(request).await) });
            // Judged in the order in which they were sent.
            let mut sent = pin!(sent.buffered(parallel.value as usize));
            while let Some((number, begun, response)) = sent.next().await {
                self.keep_cookies(step, request, &response)?;
                let judged = self.judge_response(step, &response, begun, &mut seen);
                let concluded = judged.and_then(|judged| self.conclude(judged, ""));
                concluded.map_err(|broken| of_many(number, broken))?;
            }
        } else {
            for number in 1..=times {
                let look = async |run: &mut Self| run.send(step, &request, &mut seen).await;
                let looked = self.look(patience, look).await;
                looked.map_err(|broken| of_many(number, broken))?;
            }
        }
        let took_part = verdict::took_part(step, &seen, &self.surroundings());
        self.judge(took_part)?;
        let (received, _) = self.judge_received(&step.received, &before).await?;
        // An Envoy asks again where a time limit ran out.
        self.conclude(received.into(), "")
    }

    /// What reached backends because of a request, beside what came of it.
    async fn add_received(&mut self, step: &RequestStep, before: &Before, looked: &mut Seen) -> Result<(), Broken> {
        if !step.received.is_empty() {
            let (received, _) = self.judge_received(&step.received, before).await?;
            looked.checks.extend(received);
            looked.may_be_of_a_limit = true;
        }
        Ok(())
    }

    async fn send(&mut self, step: &RequestStep, request: &Request, seen: &mut Served) -> Result<Seen, Broken> {
        let request = self.with_cookies(step, request)?;
        let begun = Instant::now();
        let response = self.client.send(&request).await;
        self.keep_cookies(step, &request, &response)?;
        self.judge_response(step, &response, begun, seen)
    }

    fn judge_response(
        &mut self,
        step: &RequestStep,
        response: &Response,
        begun: Instant,
        seen: &mut Served,
    ) -> Result<Seen, Broken> {
        self.requests += 1;
        if let Ok(answer) = &response.outcome {
            if seen.0.len() < MOST_CHAINS {
                seen.add(answer.served_by(), 1);
            } else if !answer.served_by().is_empty() {
                // Who answered is not to be told any more: whatever is expected of it does not hold.
                let message = format!("more than {MOST_CHAINS} different lists of pods served this step's requests");
                let unmet = Unmet {
                    expected: format!("up to {MOST_CHAINS}, as of a mesh"),
                    actual: response.summary(),
                    ..Unmet::new(message)
                };
                return Err(unmet.into());
            }
        }
        let surroundings = self.surroundings();
        let checks = verdict::response(step, response, &surroundings);
        let undecided = match step.asks_for_time() {
            true => {
                let disturbance = self.watch.since(begun);
                verdict::response_undecided(step, response, &checks, &disturbance, &surroundings)
            }
            false => None,
        };
        if let Some(name) = &step.keep {
            self.keep(name, response.variables());
        }
        Ok(Seen {
            checks,
            undecided,
            may_be_of_a_limit: response.may_be_of_a_limit(),
            at: None,
        })
    }

    /// A request that goes one of four ways: into a pod's Envoy, out of it, past it, or to any port of a pod.
    pub(super) fn request_to(&self, method: &str, path: &str, to: &Target) -> Result<Request, Broken> {
        let (name, port) = match (&to.at, &to.from, &to.direct, to.port()) {
            (.., Some((pod, port))) => (pod, Reached::Number(port)),
            (_, Some(pod), ..) => (pod.as_str(), Reached::Known(Port::Outbound)),
            (_, _, Some(pod), _) => (pod.as_str(), Reached::Known(Port::Application)),
            (Some(pod), ..) => (pod.as_str(), Reached::Known(Port::Inbound)),
            _ => ("ingress", Reached::Known(Port::Inbound)),
        };
        let pod = self.existing(name)?;
        let socket = match port {
            Reached::Known(port) => pod.socket(port),
            Reached::Number(port) => pod.at_port(port).ok_or_else(|| {
                Broken::Environment(format!(
                    "port {port} of {name} cannot be reached from this machine: it is not published"
                ))
            })?,
        };
        let route = Route {
            socket,
            host: to.host.clone(),
        };
        let timeout = to.timeout.as_ref().map_or(TIMEOUT, |time| time.value.0);
        let request = Request::new(method, &route, path, &to.headers, timeout).map_err(cannot_be_sent)?;
        let request = self.over(request, to)?;
        let preface = to.proxy_protocol.as_ref().map(|proxy| proxy.header(socket));
        let request = request.sent_from(
            to.source.as_ref().map(|source| source.value.0),
            preface.unwrap_or_default(),
        );
        let request = match &to.connections {
            Some(connections) => request.connections(connections.value),
            None => request,
        };
        if socket == pod.socket(Port::Application) && changes_an_application(method, path) {
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
}

/// What is written was looked at before the run: this is about what an earlier answer put in.
pub(super) fn cannot_be_sent(why: String) -> Broken {
    let unmet = Unmet {
        expected: "a request that can be sent".to_owned(),
        actual: why,
        ..Unmet::new("the request cannot be sent")
    };
    unmet.into()
}

/// A port of a pod that a request goes to.
enum Reached {
    /// One that every pod has.
    Known(Port),
    /// One that a configuration has.
    Number(u16),
}

/// What an application lets those change alone who started it.
const GUARDED: [&str; 6] = ["/faults", "/received", "/rules", "/traces", "/logs", "/metrics"];

/// Whether a request is one that an application takes from those alone who may. What only looks like one is told nothing.
fn changes_an_application(method: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    !["GET", "HEAD", "OPTIONS", "TRACE"].contains(&method)
        && (GUARDED.contains(&path) || path.starts_with("/edsservice/") || path.starts_with("/xds/v3/"))
}
