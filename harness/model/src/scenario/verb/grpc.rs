//! `grpc`: calls of gRPC, one after the other.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::{AnswerExpectations, CertificateExpectations, ConnectionUse},
    contract::{AT_ONCE, Impact, Verb},
    request::{SOON, TIMES, check_error, check_repeated},
    served::ServedExpectations,
    target::Target,
    transport::TransportError,
};
use crate::{
    capability::Capability,
    grpc::{Code, Method, Schema},
    mesh::MeshSpec,
    observation::{CALL_VARIABLES, NoAnswerKind},
    scenario::{
        check::{Check, Kept},
        grpc_status::GrpcStatuses,
        octets::TextMatch,
        quantity::Time,
        race::{self, Race},
        value::{Json, OneOrMany, Protocol},
    },
    source::Place,
    yaml::At,
};

/// Services of which every method only tells what is.
const TELLING: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// So many messages of one call at the most.
const MOST_MESSAGES: usize = 10_000;

/// A call of gRPC, or the same one several times, and what is expected of how it ends.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GrpcStep {
    /// The method: `SERVICE/METHOD`, with the package of the service.
    pub grpc: At<String>,
    /// Where it goes.
    #[serde(rename = "$to")]
    #[schemars(flatten)]
    pub to: Target,
    /// The message that is sent, as JSON; an empty one by default.
    pub message: Option<At<Json>>,
    /// The messages that are sent, of a method that takes a stream of them.
    pub messages: Option<At<Vec<Json>>>,
    /// How long the call may take: it is told to the other side (`grpc-timeout`), and this side waits on, for the `timeout`.
    pub deadline: Option<At<Time>>,
    /// The file of a descriptor set that has the service. Without it, the server is asked by reflection.
    pub descriptor: Option<At<String>>,
    /// The pod whose application is asked by reflection, past every Envoy. By default it is asked the way that the call goes.
    pub reflection: Option<At<String>>,
    /// How often it is called, one after the other; each call is judged.
    pub times: Option<At<u32>>,
    /// How many of the `times` are open at the same time; 1 by default.
    pub parallel: Option<At<u32>>,
    /// The expectations become true within this time.
    pub within: Option<Time>,
    /// The expectations stay true for this time.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The name under which expressions of later steps know the last call.
    pub keep: Option<At<String>>,
    /// The status with which it ends, or the statuses of which it is one: names or numbers of gRPC.
    pub status: Option<At<GrpcStatuses>>,
    /// The message of the status.
    pub status_message: Option<At<TextMatch>>,
    /// What the only message that is answered has at least.
    pub reply: Option<At<Json>>,
    /// What the messages that are answered have at least, each, in their order.
    pub replies: Option<At<Vec<Json>>>,
    /// Headers of the answer; `null` for one that must not be there.
    #[serde(default)]
    pub response_headers: IndexMap<At<String>, Option<String>>,
    /// What came behind the messages; `null` for one that must not be there.
    #[serde(default)]
    pub trailers: IndexMap<At<String>, Option<String>>,
    /// Whether it came over a connection that was made for it.
    pub connection: Option<At<ConnectionUse>>,
    /// The protocol that the peer chose by ALPN; `none` where it chose none.
    pub alpn: Option<At<String>>,
    /// What the peer's certificate says.
    pub certificate: Option<At<CertificateExpectations>>,
    /// CEL over what is known of the call: `status`, `reply`, `replies`, `trailers`, and others.
    #[serde(default)]
    pub that: OneOrMany<At<String>>,
    /// Who is to serve.
    #[serde(rename = "$served")]
    #[schemars(flatten)]
    pub served: ServedExpectations,
    /// Why a race with a timer is none, or is wanted: `lint` warns of those without.
    pub because: Option<At<String>>,
    /// The call ends without a status: `refused`, `reset`, `reset-stream`, `timeout`, what TLS names, or `any`.
    pub error: Option<At<TransportError>>,
}

/// What is wrong with the messages of a step, for the method that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where.
    pub place: Place,
    /// What, in a sentence.
    pub message: String,
    /// In a few words.
    pub label: &'static str,
    /// The way out.
    pub help: String,
}

impl GrpcStep {
    /// The service and the method; none where the key is no such pair.
    pub fn method(&self) -> Option<(&str, &str)> {
        let (service, method) = self.grpc.strip_prefix('/').unwrap_or(&self.grpc).split_once('/')?;
        let word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let is_name = |text: &str| !text.is_empty() && word(text);
        (is_name(service) && is_name(method)).then_some((service, method))
    }

    /// Where it goes, as gRPC goes: over HTTP/2.
    pub fn target(&self) -> Target {
        let mut to = self.to.clone();
        to.protocol.get_or_insert(At {
            place: self.grpc.place,
            value: Protocol::H2,
        });
        to
    }

    /// What is expected of the answer of HTTP in which the call is.
    pub fn of_http(&self) -> AnswerExpectations {
        AnswerExpectations {
            response_headers: self.response_headers.clone(),
            trailers: self.trailers.clone(),
            connection: self.connection.clone(),
            alpn: self.alpn.clone(),
            certificate: self.certificate.clone(),
            ..AnswerExpectations::default()
        }
    }

    /// The messages that are sent, encoded for the method.
    ///
    /// # Errors
    /// One that does not fit the method, or a number of them that does not.
    pub fn encoded(&self, method: &Method) -> Result<Vec<Vec<u8>>, Misfit> {
        let misfit = |place: Place, message: String, label: &'static str, help: &str| Misfit {
            place,
            message,
            label,
            help: help.to_owned(),
        };
        let empty = Value::Object(serde_json::Map::new());
        let (messages, place): (Vec<&Value>, Place) = match (&self.message, &self.messages) {
            (Some(one), _) => (vec![&one.value.0], one.place),
            (None, Some(all)) => (all.iter().map(|json| &json.0).collect(), all.place),
            (None, None) => (vec![&empty], self.grpc.place),
        };
        if !method.takes_a_stream() && messages.len() != 1 {
            let message = format!(
                "`{}` takes one message, and here are {}",
                self.grpc.value,
                messages.len()
            );
            return Err(misfit(place, message, "no stream", "write the one as `message: {…}`"));
        }
        let encoded = messages.iter().map(|message| method.encode(message));
        encoded.collect::<Result<_, String>>().map_err(|why| {
            let message = format!("this is no {}: {why}", method.takes());
            misfit(
                place,
                message,
                "does not fit",
                "fields are named as in the `.proto` file",
            )
        })
    }

    /// Whether something is said of how long the call took.
    pub fn asks_for_time(&self) -> bool {
        self.that
            .iter()
            .any(|text| TIMES.iter().any(|name| text.contains(name)))
    }

    /// Whether something is expected that only a call with a status can have.
    pub fn expects_answer(&self) -> bool {
        self.status.is_some()
            || self.status_message.is_some()
            || self.reply.is_some()
            || self.replies.is_some()
            || self.served.expects()
            || self.of_http().expects_answer()
    }

    fn check_messages(&self, check: &mut Check<'_>) {
        if let (Some(_), Some(_)) = (&self.message, &self.messages) {
            let place = check.later("message", "messages");
            let help = "choose one of the two";
            check.wrong(
                place,
                "a call has one `message`, or several `messages`",
                "one of them too many",
                help,
            );
        }
        if let Some(many) = self.messages.as_ref().filter(|all| all.len() > MOST_MESSAGES) {
            let message = format!("{} messages are too many for one call", many.len());
            check.wrong(
                many.place,
                message,
                "too many",
                format!("it may have up to {MOST_MESSAGES}"),
            );
        }
        if let (Some(_), Some(_)) = (&self.reply, &self.replies) {
            let place = check.later("reply", "replies");
            let help = "choose one of the two";
            check.wrong(
                place,
                "`reply` is the only one of the `replies`",
                "one of them too many",
                help,
            );
        }
        if let (Some(reflection), Some(_)) = (&self.reflection, &self.descriptor) {
            let help = "choose one of the two";
            check.wrong(
                reflection.place,
                "with a `descriptor`, nobody is asked by reflection",
                "never asked",
                help,
            );
        } else if let Some(pod) = &self.reflection {
            check.application(pod);
        }
    }

    /// The file describes the method, and the messages fit it.
    fn check_descriptor(&self, check: &mut Check<'_>) {
        let (Some(file), Some((service, method))) = (&self.descriptor, self.method()) else {
            return;
        };
        let Some(content) = check.file(file) else { return };
        let schema = match Schema::from_set(&content) {
            Ok(schema) => schema,
            Err(why) => {
                let message = format!("the file `{}` is no descriptor set of services: {why}", file.value);
                let help = "`protoc --include_imports --descriptor_set_out=FILE …` writes one";
                check.wrong(file.place, message, "something else", help);
                return;
            }
        };
        match schema.method(service, method) {
            Err(unknown) => {
                let message = format!("{} in `{}`", unknown.message, file.value);
                check.wrong(self.grpc.place, message, "not described there", unknown.help);
            }
            Ok(method) => {
                if let Err(misfit) = self.encoded(&method) {
                    check.wrong(misfit.place, misfit.message, misfit.label, misfit.help);
                }
            }
        }
    }

    fn check_headers(&self, check: &mut Check<'_>) {
        for name in self.to.headers.keys() {
            if name.eq_ignore_ascii_case("grpc-timeout") && self.deadline.is_some() {
                let place = check.key(&["headers", name.as_str()]);
                let help = "remove one of the two";
                check.wrong(place, "`deadline` is sent as `grpc-timeout`", "said twice", help);
            }
        }
    }
}

impl Verb for GrpcStep {
    fn describe(&self) -> String {
        let times = match (&self.times, &self.parallel) {
            (Some(times), Some(parallel)) => format!(" {} times, {} at once", times.value, parallel.value),
            (Some(times), None) => format!(" {} times", times.value),
            (None, _) => String::new(),
        };
        let messages = match &self.messages {
            Some(messages) => format!(" with {} messages", messages.len()),
            None => String::new(),
        };
        let deadline = self.deadline.as_ref();
        let deadline = deadline.map_or(String::new(), |time| format!(" within {}", time.value));
        let (to, over) = (self.to.describe(), self.to.over());
        format!("grpc {}{messages}{to}{times}{deadline}{over}", self.grpc.value)
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.method().is_none() {
            let message = format!("`{}` is no method of gRPC", self.grpc.value);
            let help = "write SERVICE/METHOD with the service's package, such as `grpc.health.v1.Health/Check`";
            check.wrong(self.grpc.place, message, "not SERVICE/METHOD", help);
        }
        if let Some(protocol) = self.to.protocol.as_ref().filter(|own| own.value != Protocol::H2) {
            let help = "remove it: gRPC is sent over HTTP/2";
            check.wrong(protocol.place, "gRPC is not sent over HTTP/1.1", "never so", help);
        }
        let to = self.target();
        to.check(check);
        let path = At {
            place: self.grpc.place,
            value: format!("/{}", self.grpc.value),
        };
        to.check_http2(check, &path);
        self.check_headers(check);
        self.check_messages(check);
        self.check_descriptor(check);
        self.of_http().check_connection(check, &to);
        check_error(check, self.error.as_ref(), &to, self.expects_answer());
        if !self.expects() && self.keep.is_none() {
            let help = "add one, such as `status: OK`";
            check.wrong(check.verb(), "this call expects nothing", "no expectation", help);
        }
        if let Some(all) = &self.status
            && Code::all().all(|code| all.0.contains(&code))
        {
            check.always(
                all.place,
                "name those that may come; that there is a status at all is `that: error == null`",
            );
        }
        if let Some(text) = self.status_message.as_ref().filter(|text| text.value.is_always()) {
            check.always(text.place, "write what the message has to contain");
        }
        check_repeated(check, self.times.as_ref(), self.parallel.as_ref(), &self.to);
        check.either_within_or_for(self.within.is_some(), self.for_.is_some());
        if let (Some(split), None) = (&self.served.split, &self.times) {
            let help = "say `times`, with as many calls as it takes to tell";
            check.wrong(split.place, "a split is judged over many calls", "of one call", help);
        }
        self.served.check(check, self.times.as_ref());
        check.expressions(&self.that, &CALL_VARIABLES);
        check.awaited(self.expects() || self.keep.is_none(), "status: OK");
        check.keep(self.keeps());
    }

    fn expects(&self) -> bool {
        self.expects_answer() || self.error.is_some() || !self.that.is_empty()
    }

    /// Nobody can tell what a method changes, but for those of which it is known.
    fn impact(&self) -> Impact {
        match self.method() {
            Some((service, _)) if TELLING.contains(&service) => Impact::None,
            _ => Impact::Lasting,
        }
    }

    fn asks_for_the_past(&self, views: &[&str]) -> bool {
        let of_texts = AnswerExpectations {
            that: self.that.clone(),
            ..AnswerExpectations::default()
        };
        of_texts.asks_for_the_past(views)
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
        let timeout = self.to.timeout.as_ref();
        let timeout = timeout.filter(|_| !self.error.as_ref().is_some_and(runs_out));
        let passes = |all: &At<GrpcStatuses>| all.0.contains(&Code::DEADLINE_EXCEEDED);
        let deadline = self.deadline.as_ref();
        let deadline = deadline.filter(|_| !self.status.as_ref().is_some_and(passes));
        let texts = self.that.iter();
        let texts = texts.filter_map(|text| race::expression(text, &TIMES));
        race::timeout(timeout)
            .into_iter()
            .chain(race::timeout(deadline))
            .chain(texts)
            .collect()
    }

    fn takes(&self) -> Duration {
        if let Some(time) = self.for_ {
            return time.0;
        }
        let times = self.times.as_ref().map_or(1, |times| times.value);
        AT_ONCE * times + self.within.map_or(Duration::ZERO, |limit| limit.0.min(SOON))
    }

    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        self.keep.as_ref().map(|name| (name, Kept::Response))
    }
}
