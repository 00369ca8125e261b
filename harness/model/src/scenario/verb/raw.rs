//! `raw`: requests of HTTP/1, byte by byte.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    answer::AnswerExpectations,
    contract::{AT_ONCE, Impact, Verb},
    request::{SOON, TIMES, check_error},
    target::Target,
    transport::TransportError,
};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    observation::{NoAnswerKind, RAW_VARIABLES, RESPONSE_VARIABLES},
    scenario::{
        check::{Check, Kept},
        ends::Ends,
        quantity::Time,
        race::{self, Race},
        value::{OneOrMany, Protocol, Statuses},
    },
    yaml::At,
};

/// No more than so many answers are waited for.
const MOST_ANSWERS: usize = 1000;

/// Requests of HTTP/1, byte by byte, and what is expected of the answers.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawStep {
    /// What is sent, as a block of text: its lines end with CR LF, unless `line-ends` says otherwise.
    pub raw: At<String>,
    /// How the lines of the text end: `crlf` (by default), or `as-written`.
    #[serde(default)]
    pub line_ends: LineEnds,
    /// Where it goes.
    #[serde(rename = "$to")]
    #[schemars(flatten)]
    pub to: Target,
    /// The statuses of the answers, in their order, of several requests in one.
    pub statuses: Option<At<Vec<Statuses>>>,
    /// How the peer ends the connection, behind its answers.
    pub ends: Option<At<Ends>>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know the last answer.
    pub keep: Option<At<String>>,
    /// What the last answer must be.
    #[serde(rename = "$answer")]
    #[schemars(flatten)]
    pub answer: AnswerExpectations,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// No answer, but this: `refused`, `reset`, `timeout`, what TLS names, or `any`.
    pub error: Option<At<TransportError>>,
}

/// How lines end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnds {
    /// With CR LF, as HTTP has it.
    #[default]
    Crlf,
    /// As they are written.
    AsWritten,
}

impl RawStep {
    /// What is sent.
    pub fn bytes(&self) -> Vec<u8> {
        match self.line_ends {
            LineEnds::AsWritten => self.raw.value.clone().into_bytes(),
            LineEnds::Crlf => self.raw.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes(),
        }
    }

    /// How many answers are waited for: as many as `statuses` says, and none where nothing is expected but an end.
    pub fn answers(&self) -> usize {
        let wants_one = self.answer.expects_answer()
            || self.error.is_some()
            || !self.answer.that.is_empty()
            || (self.keep.is_some() && self.ends.is_none());
        self.statuses.as_ref().map_or(usize::from(wants_one), |all| all.len())
    }

    /// Whether the head of each request ends with an empty line, as far as one can see.
    fn ends_its_heads(&self) -> bool {
        let text = self.raw.replace("\r\n", "\n");
        let Some((_, last)) = text.rsplit_once("\n\n") else {
            return false;
        };
        let line = last.trim_start_matches('\n').lines().next().unwrap_or_default();
        !line.ends_with(" HTTP/1.1") && !line.ends_with(" HTTP/1.0")
    }

    /// Whether something is said of how long it took.
    pub fn asks_for_time(&self) -> bool {
        let mut texts = self.answer.that.iter();
        texts.any(|text| TIMES.iter().any(|name| text.contains(name)))
    }

    /// Whether the connection has to stay open.
    pub fn stays_open(&self) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.value == Ends::Open)
    }

    fn expects_answer(&self) -> bool {
        self.answer.expects_answer() || self.statuses.is_some()
    }

    fn check_target(&self, check: &mut Check<'_>) {
        let said = [
            ("host", self.to.host.is_some()),
            ("headers", !self.to.headers.is_empty()),
        ];
        for (key, _) in said.into_iter().filter(|(_, is_said)| *is_said) {
            let place = check.key(&[key]);
            let message = format!("`{key}` is a part of what is sent, which is all in `raw`");
            check.wrong(place, message, "never sent", "write it as a line of the text");
        }
        if let Some(protocol) = self.to.protocol.as_ref().filter(|own| own.value != Protocol::Http1) {
            check.wrong(protocol.place, "`raw` is of HTTP/1", "never so", "remove it");
        }
        if let Some(connections) = &self.to.connections {
            check.wrong(
                connections.place,
                "it has a connection of its own",
                "always so",
                "remove it",
            );
        }
        if let Some(connection) = &self.answer.connection {
            check.wrong(
                connection.place,
                "it has a connection of its own",
                "always new",
                "remove it",
            );
        }
    }

    fn check_answers(&self, check: &mut Check<'_>) {
        if self.raw.is_empty() {
            check.wrong(
                self.raw.place,
                "nothing is sent",
                "an empty text",
                "write the bytes of a request",
            );
        }
        if !self.raw.is_empty() && self.line_ends == LineEnds::Crlf && !self.ends_its_heads() {
            let help = "YAML takes empty lines from the end of a block: write `raw: |+` and an empty line; where it is meant, add \
                        `line-ends: as-written`";
            check.wrong(
                self.raw.place,
                "no empty line ends the head of this request",
                "never whole",
                help,
            );
        }
        if let (Some(statuses), Some(_)) = (&self.statuses, &self.answer.status) {
            let help = "remove `status`";
            check.wrong(
                statuses.place,
                "`statuses` has the status of each answer",
                "said twice",
                help,
            );
        }
        if let Some(statuses) = &self.statuses {
            if statuses.is_empty() || statuses.len() > MOST_ANSWERS {
                let help =
                    format!("from 1 to {MOST_ANSWERS}; that there is no answer is `ends: closed`, or an `error`");
                check.wrong(
                    statuses.place,
                    "so many answers are not waited for",
                    "out of range",
                    help,
                );
            }
            for (index, one) in statuses.iter().enumerate() {
                if (200..=599).all(|status| one.0.contains(&status)) {
                    let place = check.item(&["statuses"], index);
                    check.always(place, "name those that may come");
                }
            }
        }
        if let Some(open) = self
            .ends
            .as_ref()
            .filter(|ends| ends.value == Ends::Open && self.to.timeout.is_none())
        {
            let help = "say how long, such as `timeout: 500ms`";
            check.wrong(open.place, "a connection stays open for a time", "for how long?", help);
        }
    }
}

impl Verb for RawStep {
    fn describe(&self) -> String {
        let first = self.raw.lines().next().unwrap_or_default();
        let first = crate::shorten::shorten(first.trim(), 60);
        format!("raw {first:?}{}{}", self.to.describe(), self.to.over())
    }

    fn check(&self, check: &mut Check<'_>) {
        self.check_target(check);
        self.to.check(check);
        self.check_answers(check);
        self.answer.check_connection(check, &self.to);
        let expects_answer = self.expects_answer();
        check_error(check, self.error.as_ref(), &self.to, expects_answer);
        if !self.expects() && self.keep.is_none() {
            let help = "add one, such as `status: 400`, or `ends: closed`";
            check.wrong(check.verb(), "this request expects nothing", "no expectation", help);
        }
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        let answer = AnswerExpectations {
            that: OneOrMany::default(),
            ..self.answer.clone()
        };
        answer.check(check);
        let variables = [&RESPONSE_VARIABLES[..], &RAW_VARIABLES].concat();
        check.expressions(&self.answer.that, &variables);
        check.awaited(self.expects() || self.keep.is_none(), "status: 400");
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.expects_answer() || self.ends.is_some() || self.error.is_some() || !self.answer.that.is_empty()
    }

    /// Nobody can tell what bytes change.
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
        if let Some(time) = self.for_ {
            return time.0;
        }
        let open = self.to.timeout.as_ref().filter(|_| self.stays_open());
        let open = open.map_or(Duration::ZERO, |time| time.value.0);
        AT_ONCE + open + self.within.map_or(Duration::ZERO, |limit| limit.0.min(SOON))
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Response))
    }
}
