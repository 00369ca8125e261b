//! `websocket`: a WebSocket, and what comes over it.

use std::time::Instant;

use meshkat_driver::{Talk, Wanted};
use meshkat_model::{
    observation::Frame,
    scenario::{frames::SentFrame, verb::websocket::WebsocketStep},
    verdict,
};

use super::look::{Patience, Seen};
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    pub(super) async fn websocket(&mut self, step: &WebsocketStep) -> Result<(), Broken> {
        let talk = talk(step);
        let patience = Patience::of(step.within, step.for_);
        self.look(patience, async |run| run.talk(step, &talk).await).await
    }

    async fn talk(&mut self, step: &WebsocketStep, talk: &Talk) -> Result<Seen, Broken> {
        let begun = Instant::now();
        let request = self.request_to("GET", &step.websocket, &step.to)?;
        let seen = self.client.websocket(&request, talk).await;
        self.requests += 1;
        let surroundings = self.surroundings();
        let checks = verdict::websocket(step, &seen, &surroundings);
        let undecided = match step.asks_for_time() {
            true => {
                let disturbance = self.watch.since(begun);
                verdict::websocket_undecided(step, &seen, &checks, &disturbance, &surroundings)
            }
            false => None,
        };
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
}

/// What is sent, and what is waited for.
fn talk(step: &WebsocketStep) -> Talk {
    let sent = || step.send.iter().flat_map(|all| all.iter());
    let frames = sent().filter_map(|sent| match sent {
        SentFrame::Frame(frame) => Some(frame.clone()),
        SentFrame::Close(..) => None,
    });
    let close = sent().find_map(|sent| match sent {
        SentFrame::Close(code, reason) => Some((*code, reason.clone())),
        SentFrame::Frame(_) => None,
    });
    let expected = || step.receive.iter().flat_map(|all| all.iter());
    let number = |kind: Frame| expected().filter(|own| own.is_kind_of(&kind)).count();
    Talk {
        subprotocols: step.subprotocols.iter().flat_map(|all| all.iter().cloned()).collect(),
        send: frames.collect(),
        close,
        wanted: Wanted {
            messages: number(Frame::Text(String::new())),
            pings: number(Frame::Ping(Vec::new())),
            pongs: number(Frame::Pong(Vec::new())),
        },
        until_close: step.awaits_a_close(),
    }
}
