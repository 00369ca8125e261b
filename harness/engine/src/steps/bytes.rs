//! `tcp`, `raw`: bytes that are sent as they are.

use std::time::{Duration, Instant};

use meshkat_driver::{Await, RawRequest, TcpRequest, Until};
use meshkat_model::{
    scenario::{
        ends::{Ends, ReceivedBytes},
        verb::{raw::RawStep, tcp::TcpStep},
    },
    verdict::{self, Check},
    yaml::At,
};

use super::look::{Patience, Seen};
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    pub(super) async fn tcp(&mut self, step: &TcpStep) -> Result<(), Broken> {
        let tcp = TcpRequest {
            bytes: step
                .send
                .as_ref()
                .map_or_else(Vec::new, |bytes| bytes.value.0.clone())
                .into(),
            half_close: step.half_close.as_ref().is_some_and(|half| half.value),
            until: match step.receive.as_ref().map(|receive| &receive.value) {
                None => Until::Nothing,
                Some(ReceivedBytes::Exactly(bytes)) => Until::Length(bytes.0.len()),
                Some(ReceivedBytes::Contains(bytes)) => Until::Contains(bytes.0.clone()),
                Some(ReceivedBytes::Number(number)) => Until::Length(*number),
            },
            then: awaited(step.ends.as_ref()),
        };
        let patience = Patience::of(step.within, step.for_);
        self.look(patience, async |run| run.transfer(step, &tcp).await).await
    }

    async fn transfer(&mut self, step: &TcpStep, tcp: &TcpRequest) -> Result<Seen, Broken> {
        let begun = Instant::now();
        let request = self.request_to("GET", "/", &step.target())?;
        let seen = self.client.tcp(&request, tcp).await;
        self.requests += 1;
        let surroundings = self.surroundings();
        let checks = verdict::tcp(step, &seen, &surroundings);
        let undecided = match step.asks_for_time() {
            true => {
                let disturbance = self.watch.since(begun);
                verdict::tcp_undecided(step, &seen, &checks, &disturbance, &surroundings)
            }
            false => None,
        };
        self.stayed_open(
            step.stays_open(),
            step.timeout.as_ref().map(|time| time.value.0),
            begun,
            &checks,
        )?;
        if let Some(name) = &step.keep {
            self.keep(name, seen.variables());
        }
        Ok(Seen {
            checks,
            undecided,
            may_be_of_a_limit: seen.may_be_of_a_limit(),
            at: None,
        })
    }

    pub(super) async fn raw(&mut self, step: &RawStep) -> Result<(), Broken> {
        let raw = RawRequest {
            bytes: step.bytes().into(),
            answers: step.answers(),
            then: awaited(step.ends.as_ref()),
        };
        let patience = Patience::of(step.within, step.for_);
        self.look(patience, async |run| run.send_raw(step, &raw).await).await
    }

    async fn send_raw(&mut self, step: &RawStep, raw: &RawRequest) -> Result<Seen, Broken> {
        let begun = Instant::now();
        let request = self.request_to("GET", "/", &step.to)?;
        let seen = self.client.raw(&request, raw).await;
        self.requests += seen.answers.len().max(1) as u64;
        let surroundings = self.surroundings();
        let checks = verdict::raw(step, &seen, &surroundings);
        let undecided = match step.asks_for_time() {
            true => {
                let disturbance = self.watch.since(begun);
                verdict::raw_undecided(step, &seen, &checks, &disturbance, &surroundings)
            }
            false => None,
        };
        self.stayed_open(
            step.stays_open(),
            step.to.timeout.as_ref().map(|time| time.value.0),
            begun,
            &checks,
        )?;
        if let Some(name) = &step.keep {
            self.keep(name, seen.variables());
        }
        Ok(Seen {
            checks,
            undecided,
            may_be_of_a_limit: seen.may_be_of_a_limit(),
            at: None,
        })
    }

    /// A connection that stayed open while nobody could look proves nothing.
    fn stayed_open(&self, is_to: bool, time: Option<Duration>, begun: Instant, checks: &[Check]) -> Result<(), Broken> {
        let Some(time) = time.filter(|_| is_to && checks.iter().all(|check| check.passed)) else {
            return Ok(());
        };
        let unseen = self.watch.since(begun).stood_still();
        verdict::unseen(unseen, time).map_or(Ok(()), |why| Err(Broken::Void(why)))
    }
}

/// What is waited for behind all else.
fn awaited(ends: Option<&At<Ends>>) -> Await {
    match ends.map(|ends| ends.value) {
        None => Await::Nothing,
        Some(Ends::Closed | Ends::Reset) => Await::End,
        Some(Ends::Open) => Await::Open,
    }
}
