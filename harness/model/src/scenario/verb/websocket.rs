//! `websocket`: a WebSocket, what is sent over it, and what comes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    answer::AnswerExpectations,
    contract::{AT_ONCE, Impact, Verb},
    request::{SOON, TIMES, check_error, check_path},
    target::Target,
    transport::TransportError,
};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    observation::{CONVERSATION_VARIABLES, NoAnswerKind, RESPONSE_VARIABLES},
    scenario::{
        check::{Check, Kept},
        frames::{ReceivedFrame, SentFrame},
        octets::TextMatch,
        quantity::Time,
        race::{self, Race},
        value::{OneOrMany, Protocol},
        wire,
    },
    yaml::At,
};

/// The status of an upgrade that is taken.
const SWITCHING: u16 = 101;

/// Asks for a WebSocket, sends, and says what has to come.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebsocketStep {
    /// The path.
    pub websocket: At<String>,
    /// Where it goes.
    #[serde(rename = "$to")]
    #[schemars(flatten)]
    pub to: Target,
    /// The subprotocols that are offered, the best first.
    pub subprotocols: Option<At<OneOrMany<String>>>,
    /// What is sent, in this order, as soon as the WebSocket is there.
    pub send: Option<At<OneOrMany<SentFrame>>>,
    /// What has to come, in this order. Where the other side is to close, nothing else.
    pub receive: Option<At<OneOrMany<ReceivedFrame>>>,
    /// The code with which the other side closes: 1005 for a close without a code, 1006 where the connection broke without one.
    pub close: Option<At<u16>>,
    /// The reason with which the other side closes.
    pub close_reason: Option<At<TextMatch>>,
    /// The subprotocol that the other side chooses; `none` where it chooses none.
    pub subprotocol: Option<At<String>>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know it.
    pub keep: Option<At<String>>,
    /// What the answer to the upgrade must be; 101 by default.
    #[serde(rename = "$answer")]
    #[schemars(flatten)]
    pub answer: AnswerExpectations,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// No answer to the upgrade, but this: `refused`, `reset`, `timeout`, what TLS names, or `any`.
    pub error: Option<At<TransportError>>,
}

impl WebsocketStep {
    /// Whether something is said of how long it took.
    pub fn asks_for_time(&self) -> bool {
        let mut texts = self.answer.that.iter();
        texts.any(|text| TIMES.iter().any(|name| text.contains(name)))
    }

    /// Whether the other side is waited for to close.
    pub fn awaits_a_close(&self) -> bool {
        let closes = |sent: &SentFrame| matches!(sent, SentFrame::Close(..));
        let says_so = self.send.as_ref().is_some_and(|all| all.iter().any(closes));
        self.close.is_some() || self.close_reason.is_some() || says_so
    }

    /// Whether the upgrade is to be taken.
    pub fn is_to_open(&self) -> bool {
        let statuses = self.answer.status.as_ref();
        self.error.is_none() && statuses.is_none_or(|statuses| statuses.0.contains(&SWITCHING))
    }

    /// Whether something is expected of what comes over it.
    fn expects_frames(&self) -> bool {
        self.receive.is_some() || self.close.is_some() || self.close_reason.is_some() || self.subprotocol.is_some()
    }

    fn check_frames(&self, check: &mut Check<'_>) {
        if let Some(empty) = self.send.as_ref().filter(|all| all.is_empty()) {
            check.wrong(
                empty.place,
                "nothing is sent",
                "an empty list",
                "write what is sent, or remove it",
            );
        }
        if let Some(empty) = self
            .receive
            .as_ref()
            .filter(|all| all.is_empty() && !self.awaits_a_close())
        {
            let help = "write what has to come; that nothing comes before the other side closes is `receive: []` with `close: CODE`";
            check.wrong(empty.place, "nothing is expected", "an empty list", help);
        }
        for (index, sent) in self.send.iter().flat_map(|all| all.iter()).enumerate() {
            let place = check.item(&["send"], index);
            let SentFrame::Close(code, reason) = sent else { continue };
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                let message = format!("{code} is no code that can be sent");
                let help = "1000 to 1003, 1007 to 1014, 3000 to 4999";
                check.wrong(place, message, "out of range", help);
            }
            if reason.len() > 123 {
                check.wrong(place, "a reason has at most 123 bytes", "too long", "shorten it");
            }
            if index + 1 < self.send.as_ref().map_or(0, |all| all.len()) {
                let help = "write it last";
                check.wrong(place, "nothing is sent behind a close", "not the last", help);
            }
        }
        for (index, received) in self.receive.iter().flat_map(|all| all.iter()).enumerate() {
            if matches!(received, ReceivedFrame::Text(text) if text.is_always()) {
                let place = check.item(&["receive"], index);
                check.always(place, "write what the message has to contain");
            }
        }
        if let Some(code) = self
            .close
            .as_ref()
            .filter(|code| !matches!(code.value, 1000..=1015 | 3000..=4999))
        {
            let message = format!("no WebSocket is closed with {}", code.value);
            let help = "1000 to 1015, 3000 to 4999; 1005 is a close without a code, 1006 a connection that broke";
            check.wrong(code.place, message, "out of range", help);
        }
        if let Some(text) = self.close_reason.as_ref().filter(|text| text.value.is_always()) {
            check.always(text.place, "write what the reason has to contain");
        }
    }

    fn check_subprotocols(&self, check: &mut Check<'_>) {
        let offered = self.subprotocols.as_ref();
        if let Some(offered) = offered
            && (offered.is_empty() || offered.iter().any(|name| wire::not_a_header_name(name)))
        {
            let help = "for example `subprotocols: [chat, superchat]`";
            check.wrong(offered.place, "a subprotocol is a word", "not a word", help);
        }
        if let Some(chosen) = &self.subprotocol {
            let is_offered = offered.is_some_and(|offered| offered.contains(&chosen.value));
            if chosen.value != "none" && !is_offered {
                let message = format!("`{}` is not offered, and cannot be chosen", chosen.value);
                check.wrong(chosen.place, message, "never so", "add it to `subprotocols`");
            }
        }
    }

    fn check_answer(&self, check: &mut Check<'_>, to: &Target) {
        let is_to_open = self.is_to_open();
        if let (Some(status), false, true) = (&self.answer.status, is_to_open, self.expects_frames()) {
            let help = "remove `status`, or what is expected of the WebSocket";
            check.wrong(
                status.place,
                "an upgrade that is refused is no WebSocket",
                "contradicts the rest",
                help,
            );
        }
        let body = [
            self.answer.text.as_ref().map(|text| text.place),
            self.answer.contains.as_ref().map(|parts| parts.place),
            self.answer.json.as_ref().map(|json| json.place),
        ];
        if let (Some(place), true) = (body.into_iter().flatten().next(), is_to_open) {
            let help = "say the `status` of the refusal beside it; what comes over a WebSocket is `receive`";
            check.wrong(place, "an upgrade that is taken has no body", "never so", help);
        }
        if let (Some(send), false) = (&self.send, is_to_open) {
            let help = "remove `send`";
            check.wrong(
                send.place,
                "nothing is sent where the upgrade is refused",
                "never sent",
                help,
            );
        }
        self.answer.check_connection(check, to);
        if let Some(connection) = &self.answer.connection {
            let help = "remove it";
            check.wrong(
                connection.place,
                "a WebSocket has a connection of its own",
                "always new",
                help,
            );
        }
    }
}

impl Verb for WebsocketStep {
    fn describe(&self) -> String {
        let (to, over) = (self.to.describe(), self.to.over());
        format!("websocket {}{to}{over}", self.websocket.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        check_path(check, &self.websocket);
        if let Some(protocol) = self.to.protocol.as_ref().filter(|own| own.value != Protocol::Http1) {
            let help = "remove it";
            check.wrong(protocol.place, "a WebSocket is asked for in HTTP/1.1", "never so", help);
        }
        if let Some(connections) = &self.to.connections {
            let help = "remove it";
            check.wrong(
                connections.place,
                "a WebSocket has a connection of its own",
                "always so",
                help,
            );
        }
        self.to.check(check);
        self.check_frames(check);
        self.check_subprotocols(check);
        self.check_answer(check, &self.to);
        let expects_answer = self.answer.expects_answer() || self.expects_frames();
        check_error(check, self.error.as_ref(), &self.to, expects_answer);
        if !self.expects() && self.keep.is_none() {
            let help = "add what has to come, such as `receive: hello`, or `status: 403`";
            check.wrong(check.verb(), "this WebSocket expects nothing", "no expectation", help);
        }
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        // The expressions know more than those of an answer.
        let answer = AnswerExpectations {
            that: OneOrMany::default(),
            ..self.answer.clone()
        };
        answer.check(check);
        let variables = [&RESPONSE_VARIABLES[..], &CONVERSATION_VARIABLES].concat();
        check.expressions(&self.answer.that, &variables);
        check.awaited(self.expects() || self.keep.is_none(), "receive: hello");
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.expects_frames() || self.answer.expects_answer() || self.error.is_some() || !self.answer.that.is_empty()
    }

    /// Nobody can tell what messages change.
    fn impact(&self) -> Impact {
        Impact::Lasting
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        self.answer.asks_for_the_past(views)
    }

    fn needs(&self, _: &MeshSpec) -> Vec<Capability> {
        self.to.needs()
    }

    fn races(&self) -> Vec<Race> {
        if self.because.is_some() {
            return Vec::new();
        }
        let runs_out = |error: &At<TransportError>| error.value.is(NoAnswerKind::Timeout);
        let timeout = self.to.timeout.as_ref();
        let timeout = timeout.filter(|_| !self.error.as_ref().is_some_and(runs_out));
        let texts = self.answer.that.iter();
        let texts = texts.filter_map(|text| race::expression(text, &TIMES));
        race::timeout(timeout).into_iter().chain(texts).collect()
    }

    fn takes(&self) -> Duration {
        match self.for_ {
            Some(time) => time.0,
            None => AT_ONCE + self.within.map_or(Duration::ZERO, |limit| limit.0.min(SOON)),
        }
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Response))
    }
}
