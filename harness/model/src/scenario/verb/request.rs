//! `get`, `head`, `post`, `put`, `patch`, `delete`: requests, one after the other.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    answer::AnswerExpectations,
    contract::{AT_ONCE, Impact, Verb},
    received::{Backends, ask_for_the_past, check_backends},
    served::ServedExpectations,
    target::Target,
    transport::TransportError,
};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    observation::NoAnswerKind,
    scenario::{
        check::{Check, Kept},
        quantity::Time,
        race::{self, Race},
        value::{Body, Connections},
        wire,
    },
    suggest::nearest,
    yaml::At,
};

/// A step's requests are sent one after the other; more of them want a load.
const MAXIMUM_TIMES: u32 = 10_000;

/// What expressions know of how long an answer took.
pub(super) const TIMES: [&str; 4] = ["duration_ms", "connect_ms", "tls_ms", "first_byte_ms"];

/// How many requests of a step may be open at the same time.
const MOST_PARALLEL: u32 = 1000;

/// How many requests it takes at the least to judge a split, by default; roughly.
const OF_A_SPLIT: u32 = 2000;

/// What is expected of a request's `within` to take, at the most.
pub(super) const SOON: Duration = Duration::from_millis(200);

/// One request, or the same one several times, and what is expected of the answers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestStep {
    /// GET this path.
    pub get: Option<At<String>>,
    /// HEAD this path.
    pub head: Option<At<String>>,
    /// POST to this path.
    pub post: Option<At<String>>,
    /// PUT to this path.
    pub put: Option<At<String>>,
    /// PATCH this path.
    pub patch: Option<At<String>>,
    /// DELETE this path.
    pub delete: Option<At<String>>,
    /// Where it goes.
    #[serde(rename = "$to")]
    #[schemars(flatten)]
    pub to: Target,
    /// The body to send: a text as it is, anything else as JSON.
    pub body: Option<Body>,
    /// The name of a jar of cookies: what `Set-Cookie` says is kept in it, and sent by the requests of the case that name it.
    pub cookies: Option<At<String>>,
    /// How often the request is sent, one after the other; each answer is judged.
    pub times: Option<At<u32>>,
    /// How many of the `times` are open at the same time; 1 by default.
    pub parallel: Option<At<u32>>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// With `within`: they have to be true so often in a row.
    pub in_a_row: Option<At<u32>>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know the last answer.
    pub keep: Option<At<String>>,
    /// What the answer must be.
    #[serde(rename = "$answer")]
    #[schemars(flatten)]
    pub answer: AnswerExpectations,
    /// Who is to serve.
    #[serde(rename = "$served")]
    #[schemars(flatten)]
    pub served: ServedExpectations,
    /// What reached backends because of it, by pod or group: what came since the step began, asked past every Envoy.
    #[serde(default)]
    pub received: Backends,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// No answer, but this: `refused`, `reset`, `timeout`, what TLS or HTTP/2 names, or `any`.
    pub error: Option<At<TransportError>>,
}

impl RequestStep {
    /// Each method with its path, where the step has one.
    fn lines(&self) -> [(&'static str, Option<&At<String>>); 6] {
        [
            ("GET", self.get.as_ref()),
            ("HEAD", self.head.as_ref()),
            ("POST", self.post.as_ref()),
            ("PUT", self.put.as_ref()),
            ("PATCH", self.patch.as_ref()),
            ("DELETE", self.delete.as_ref()),
        ]
    }

    /// The method and the path; a step that has none is a GET of nothing, which the checks before a run refuse.
    pub fn line(&self) -> (&'static str, &str) {
        let mut lines = self.lines().into_iter();
        lines
            .find_map(|(method, path)| path.map(|path| (method, path.as_str())))
            .unwrap_or(("GET", ""))
    }

    /// Whether something is said of how long the answer took.
    pub fn asks_for_time(&self) -> bool {
        let mut texts = self.answer.that.iter();
        texts.any(|text| TIMES.iter().any(|name| text.contains(name)))
    }

    /// Whether something is expected that only an answer can have.
    fn expects_answer(&self) -> bool {
        self.answer.expects_answer() || self.served.expects()
    }

    /// What is kept in a jar is sent by somebody, and nothing else says what cookies are sent.
    fn check_cookies(&self, check: &mut Check<'_>) {
        let Some(jar) = &self.cookies else { return };
        if jar.trim().is_empty() {
            let help = "name whose cookies they are, such as `cookies: alice`";
            check.wrong(jar.place, "a jar of cookies has a name", "no name", help);
            return;
        }
        let own = self.to.headers.keys().find(|name| name.eq_ignore_ascii_case("cookie"));
        if let Some(own) = own {
            let place = check.key(&["headers", own.as_str()]);
            let help = "remove it, or `cookies`";
            check.wrong(place, "`cookies` says which cookies are sent", "says it again", help);
        }
        let is_sent_again = self.times.as_ref().is_some_and(|times| times.value > 1);
        let is_used_again = is_sent_again || self.within.is_some() || self.for_.is_some();
        let named = check.jars_in_file.iter().filter(|(name, _)| *name == jar.value).count();
        if named < 2 && !is_used_again {
            let others = check.jars_in_file.iter().map(|(name, _)| name.as_str());
            let help = match nearest(jar, others.filter(|name| *name != jar.value)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name it in the request that is to send them, too".to_owned(),
            };
            let message = format!(
                "nothing in the jar `{}` is ever sent: one request alone names it",
                jar.value
            );
            check.wrong(jar.place, message, "never sent", help);
        }
    }
}

/// So many are sent, and can be open at the same time.
fn check_parallel(check: &mut Check<'_>, times: Option<&At<u32>>, parallel: Option<&At<u32>>) {
    let Some(parallel) = parallel else { return };
    let Some(times) = times else {
        let help = "say `times`, with as many requests as there are";
        check.wrong(parallel.place, "`parallel` goes with `times`", "of one request", help);
        return;
    };
    let most = times.value.min(MOST_PARALLEL);
    if !(2..=most).contains(&parallel.value) {
        let message = format!(
            "{} requests of {} cannot be open at the same time",
            parallel.value, times.value
        );
        let help = format!("it is from 2 to {most}, or not there");
        check.wrong(parallel.place, message, "out of range", help);
    }
}

/// How often something is sent can be so.
pub(super) fn check_repeated(check: &mut Check<'_>, times: Option<&At<u32>>, parallel: Option<&At<u32>>, to: &Target) {
    check_parallel(check, times, parallel);
    let Some(times) = times else { return };
    if times.value == 0 || times.value > MAXIMUM_TIMES {
        let help = format!("it may be from 1 to {MAXIMUM_TIMES}; for more, use a `load`");
        check.wrong(
            times.place,
            format!("{} is not a number of requests", times.value),
            "out of range",
            help,
        );
    }
    let connections = to.connections.as_ref();
    if let Some(more) = connections.filter(|of| matches!(of.value, Connections::Of(n) if n > times.value)) {
        let message = format!(
            "{} requests go over {} connections at the most",
            times.value, times.value
        );
        let help = "ask for fewer, or say `connections: fresh`";
        check.wrong(more.place, message, "too many", help);
    }
    if let Some(time) = ["within", "for"].into_iter().find(|key| check.has(key)) {
        let place = check.later("times", time);
        check.wrong(
            place,
            format!("`times` does not go with `{time}`"),
            "one of them too many",
            "choose one of the two",
        );
    }
}

/// That there is no answer is expected of what can fail so, and of nothing that has an answer.
pub(super) fn check_error(
    check: &mut Check<'_>,
    error: Option<&At<TransportError>>,
    to: &Target,
    expects_answer: bool,
) {
    let Some(error) = error else { return };
    if let Some(why) = error.value.never(to) {
        let message = format!("this request never fails so: {why}");
        check.wrong(
            error.place,
            message,
            "never so",
            "expect another `error`, or change how it is sent",
        );
    }
    if expects_answer {
        let help = "remove one of the two";
        check.wrong(
            error.place,
            "a request has an answer or an `error`, not both",
            "contradicts the rest",
            help,
        );
    }
}

impl Verb for RequestStep {
    fn describe(&self) -> String {
        let (method, path) = self.line();
        let times = match (&self.times, &self.parallel) {
            (Some(times), Some(parallel)) => format!(" {} times, {} at once", times.value, parallel.value),
            (Some(times), None) => format!(" {} times", times.value),
            (None, _) => String::new(),
        };
        let (to, over) = (self.to.describe(), self.to.over());
        format!("{} {path}{to}{times}{over}", method.to_lowercase())
    }

    fn check(&self, check: &mut Check<'_>) {
        let mut paths: Vec<&At<String>> = self.lines().into_iter().filter_map(|(_, path)| path).collect();
        paths.sort_by_key(|path| path.place.offset);
        if let [_, second, ..] = paths.as_slice() {
            check.wrong(
                second.place,
                "a step sends one request",
                "a second path",
                "make two steps of it",
            );
        }
        paths.iter().for_each(|path| check_path(check, path));
        self.to.check(check);
        paths.iter().for_each(|path| self.to.check_http2(check, path));
        self.answer.check_connection(check, &self.to);
        check_error(check, self.error.as_ref(), &self.to, self.expects_answer());
        if !self.expects() && self.keep.is_none() {
            check.wrong(
                check.verb(),
                "this request expects nothing",
                "no expectation",
                "add one, such as `status: 200`",
            );
        }
        check_repeated(check, self.times.as_ref(), self.parallel.as_ref(), &self.to);
        self.check_cookies(check);
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        check.in_a_row(self.in_a_row.as_ref());
        if let (Some(split), None) = (&self.served.split, &self.times) {
            let help = "say `times`, with as many requests as it takes to tell";
            check.wrong(
                split.place,
                "a split is judged over many requests",
                "of one request",
                help,
            );
        }
        self.served.check(check, self.times.as_ref());
        self.answer.check(check);
        check_backends(check, &self.received);
        // A request that neither expects nor keeps anything is told as such.
        check.awaited(self.expects() || self.keep.is_none(), "status: 200");
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.expects_answer() || self.error.is_some() || !self.answer.that.is_empty() || !self.received.is_empty()
    }

    /// Methods that RFC 9110 does not call safe count as lasting: a PUT may be one to anything.
    fn impact(&self) -> Impact {
        match self.line() {
            ("GET" | "HEAD", _) => Impact::None,
            _ => Impact::Lasting,
        }
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        self.answer.asks_for_the_past(views)
            || self.to.asks_for_memory(self.line().1)
            || ask_for_the_past(&self.received, views)
    }

    fn needs(&self, _: &MeshSpec) -> Vec<Capability> {
        self.to.needs()
    }

    fn races(&self) -> Vec<Race> {
        if self.because.is_some() {
            return Vec::new();
        }
        // What is expected to run out does so on a busy machine, too.
        let runs_out = |error: &At<TransportError>| error.value.is(NoAnswerKind::Timeout);
        let timeout = self
            .to
            .timeout
            .as_ref()
            .filter(|_| !self.error.as_ref().is_some_and(runs_out));
        let texts = self.answer.that.iter();
        let texts = texts.filter_map(|text| race::expression(text, &TIMES));
        race::timeout(timeout).into_iter().chain(texts).collect()
    }

    fn takes(&self) -> Duration {
        if let Some(time) = self.for_ {
            return time.0;
        }
        let times = match (&self.times, &self.served.split) {
            (Some(times), _) => times.value,
            (None, Some(_)) => OF_A_SPLIT,
            (None, None) => 1,
        };
        AT_ONCE * times + self.within.map_or(Duration::ZERO, |limit| limit.0.min(SOON))
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Response))
    }
}

/// That a text is no path.
pub(super) fn check_path(check: &mut Check<'_>, path: &At<String>) {
    if path.starts_with("${") {
        // What an earlier answer says, which may be a whole path: it is looked at when it is known.
    } else if let Some((host, rest)) = path
        .split_once("://")
        .map(|(_, rest)| rest.split_once('/').unwrap_or((rest, "")))
    {
        let help = format!("write `/{rest}`, and `host: {host}` beside it");
        check.wrong(path.place, "a path is not a URL", "not a path", help);
    } else if !path.starts_with('/') {
        let help = format!("write `/{}`; the host goes into `host`", path.value);
        check.wrong(path.place, "a path begins with a slash", "not a path", help);
    } else if wire::not_a_path(path).is_some() {
        check.wrong(
            path.place,
            "a path has no spaces",
            "not a path",
            "encode a space as %20",
        );
    }
}
