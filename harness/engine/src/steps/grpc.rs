//! `grpc`: calls of gRPC.

use std::{pin::pin, time::Instant};

use futures::{StreamExt as _, stream};
use meshkat_driver::GrpcRequest;
use meshkat_model::{
    grpc::{Method, Schema},
    observation::{Call, Served},
    scenario::verb::{grpc::GrpcStep, target::Target},
    verdict::{self, Check, Unmet},
};

use super::{
    look::{Patience, Seen},
    request::MOST_CHAINS,
};
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    pub(super) async fn grpc(&mut self, step: &GrpcStep) -> Result<(), Broken> {
        let mut seen = Served::default();
        let patience = Patience::of(step.within, step.for_);
        if let Patience::Within(_) = patience {
            let look = async |run: &mut Self| {
                let call = match run.call_of(step).await? {
                    Ok(call) => call,
                    // Who could not say what the service is may say so later.
                    Err(unknown) => return Ok(Seen::from(vec![unknown])),
                };
                let mut looked = run.call(step, &call, &mut seen).await?;
                let took_part = verdict::grpc_took_part(step, &seen, &run.surroundings());
                looked.checks.extend(took_part);
                Ok(looked)
            };
            return self.look(patience, look).await;
        }
        let call = match self.call_of(step).await? {
            Ok(call) => call,
            Err(unknown) => return self.conclude(vec![unknown].into(), ""),
        };
        let times = step.times.as_ref().map_or(1, |times| times.value);
        let of_many = |number: u32, broken: Broken| match broken {
            Broken::Expectation(unmet) if times > 1 => unmet.after(&format!("call {number} of {times}: ")).into(),
            broken => broken,
        };
        if let Some(parallel) = &step.parallel {
            let client = &self.client.clone();
            let sent = stream::iter(1..=times).map(|number| {
                let call = &call;
                async move { (number, Instant::now(), client.grpc(call).await) }
            });
            // Judged in the order in which they were sent.
            let mut sent = pin!(sent.buffered(parallel.value as usize));
            while let Some((number, begun, called)) = sent.next().await {
                let judged = self.judge_call(step, &called, begun, &mut seen);
                let concluded = judged.and_then(|judged| self.conclude(judged, ""));
                concluded.map_err(|broken| of_many(number, broken))?;
            }
        } else {
            for number in 1..=times {
                let look = async |run: &mut Self| run.call(step, &call, &mut seen).await;
                let looked = self.look(patience, look).await;
                looked.map_err(|broken| of_many(number, broken))?;
            }
        }
        let took_part = verdict::grpc_took_part(step, &seen, &self.surroundings());
        Ok(self.judge(took_part)?)
    }

    async fn call(&mut self, step: &GrpcStep, call: &GrpcRequest, seen: &mut Served) -> Result<Seen, Broken> {
        let begun = Instant::now();
        let called = self.client.grpc(call).await;
        self.judge_call(step, &called, begun, seen)
    }

    fn judge_call(
        &mut self,
        step: &GrpcStep,
        called: &Call,
        begun: Instant,
        seen: &mut Served,
    ) -> Result<Seen, Broken> {
        self.requests += 1;
        let by = called.served_by();
        if seen.0.len() < MOST_CHAINS {
            seen.add(by, 1);
        } else if !by.is_empty() {
            let message = format!("more than {MOST_CHAINS} different lists of pods served this step's calls");
            let unmet = Unmet {
                expected: format!("up to {MOST_CHAINS}, as of a mesh"),
                actual: called.summary(),
                ..Unmet::new(message)
            };
            return Err(unmet.into());
        }
        let surroundings = self.surroundings();
        let checks = verdict::grpc(step, called, &surroundings);
        let undecided = match step.asks_for_time() {
            true => {
                let disturbance = self.watch.since(begun);
                verdict::grpc_undecided(step, called, &checks, &disturbance, &surroundings)
            }
            false => None,
        };
        if let Some(name) = &step.keep {
            self.keep(name, called.variables());
        }
        Ok(Seen {
            checks,
            undecided,
            may_be_of_a_limit: called.may_be_of_a_limit(),
            at: None,
        })
    }

    /// The call, ready to be sent; or that nobody tells what the method is, or that the messages are not for it.
    async fn call_of(&mut self, step: &GrpcStep) -> Result<Result<GrpcRequest, Check>, Broken> {
        let Some((service, method)) = step.method() else {
            return Err(Broken::Environment(format!("`{}` is no method", step.grpc.value)));
        };
        let line = step.grpc.place.line;
        let unknown = |message: String, expected: String, actual: String| Check {
            line,
            passed: false,
            message,
            expected,
            actual,
        };
        let schema = match self.schema(step, service).await? {
            Ok(schema) => schema,
            Err(why) => {
                let message = format!("nobody tells what the service `{service}` is");
                let actual = format!(
                    "{why}; `reflection: POD` asks an application past every Envoy, and `descriptor: FILE` asks nobody"
                );
                return Ok(Err(unknown(message, "an answer by reflection".to_owned(), actual)));
            }
        };
        let method: Method = match schema.method(service, method) {
            Ok(method) => method,
            Err(wrong) => {
                let expected = format!("a method `{}`", step.grpc.value);
                return Ok(Err(unknown(wrong.message, expected, wrong.help)));
            }
        };
        let messages = match step.encoded(&method) {
            Ok(messages) => messages,
            Err(misfit) => {
                let mut check = unknown(misfit.message, format!("a {}", method.takes()), misfit.help);
                check.line = misfit.place.line;
                return Ok(Err(check));
            }
        };
        let path = format!("/{service}/{}", step.grpc.rsplit('/').next().unwrap_or_default());
        let request = self.request_to("POST", &path, &step.target())?;
        let deadline = step.deadline.as_ref().map(|time| time.value.0);
        let call = GrpcRequest::new(request, &path, method, &messages, deadline).map_err(Broken::Environment)?;
        Ok(Ok(call))
    }

    /// What is known of a service: from the step's file, from what was told before in this case, or by reflection.
    async fn schema(&mut self, step: &GrpcStep, service: &str) -> Result<Result<Schema, String>, Broken> {
        if let Some(file) = &step.descriptor {
            let content = self.read(Some(file))?.unwrap_or_default();
            let schema = Schema::from_set(&content);
            let told = |why| format!("the file {} is no descriptor set: {why}", file.value);
            return schema.map(Ok).map_err(|why| Broken::Environment(told(why)));
        }
        let to = match &step.reflection {
            Some(pod) => Target {
                direct: Some(pod.clone()),
                protocol: step.target().protocol,
                ..Target::default()
            },
            None => Target {
                // What steers the call is not for whoever is asked what it is.
                headers: indexmap::IndexMap::new(),
                ..step.target()
            },
        };
        let request = self.request_to("POST", "/", &to)?;
        let whom = (format!("{request:?} {:?}", to.host), service.to_owned());
        if let Some(known) = self.schemas.get(&whom) {
            return Ok(Ok(known.clone()));
        }
        match self.client.describe(&request, service).await {
            Ok(schema) => {
                self.schemas.insert(whom, schema.clone());
                Ok(Ok(schema))
            }
            Err(why) => Ok(Err(why.to_string())),
        }
    }
}
