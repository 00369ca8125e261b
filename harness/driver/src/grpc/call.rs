//! One call and what came of it.

use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use indexmap::IndexMap;
use meshkat_model::{
    grpc::{Code, Method},
    observation::{Answer, Call, Ended, Exchange, NoAnswer, Response},
};
use percent_encoding::percent_decode_str;

use super::frame::{framed, messages};
use crate::{
    Client, Request,
    client::{LONGEST_BODY, Problem, add, within},
    lost::{Lost, too_late},
};

/// A call, ready to be sent as often as is wished.
#[derive(Debug, Clone)]
pub struct GrpcRequest {
    request: Request,
    method: Method,
}

/// What came of a call, with its messages as bytes.
pub(super) struct Raw {
    pub(super) response: Response,
    pub(super) ended: Option<Ended>,
    /// Framed.
    pub(super) body: Vec<u8>,
}

/// What came so far.
#[derive(Default)]
struct Partial {
    answer: Answer,
    body: Vec<u8>,
}

impl GrpcRequest {
    /// A call of `method` at `path`, `/SERVICE/METHOD`, with these messages, and how long it may take for the other side. Where it goes and
    /// the rest of how it is sent is that of `request`, which is to be of HTTP/2.
    ///
    /// # Errors
    /// A sentence about what cannot be said in HTTP/2.
    pub fn new(
        request: Request,
        path: &str,
        method: Method,
        messages: &[Vec<u8>],
        deadline: Option<Duration>,
    ) -> Result<Self, String> {
        let body = framed(messages.iter().map(Vec::as_slice));
        let request = of_grpc(request, path, body, deadline)?;
        Ok(Self { request, method })
    }
}

/// A request as gRPC has it.
pub(super) fn of_grpc(
    request: Request,
    path: &str,
    body: bytes::Bytes,
    deadline: Option<Duration>,
) -> Result<Request, String> {
    let deadline = deadline.map(timeout);
    let mut headers = vec![("content-type", "application/grpc"), ("te", "trailers")];
    headers.extend(deadline.as_deref().map(|deadline| ("grpc-timeout", deadline)));
    request.of(path.to_owned(), body, &headers)
}

/// A time as `grpc-timeout` has it: at most eight digits and a unit.
fn timeout(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..=99_999_999 => format!("{micros}u"),
        micros => format!("{}m", micros.div_ceil(1000)),
    }
}

impl Client {
    /// Calls, and waits for the end of the call, or for the timeout of its request. A deadline that has passed is what the other side
    /// says of it.
    pub async fn grpc(&self, call: &GrpcRequest) -> Call {
        let Raw {
            mut response,
            mut ended,
            body,
        } = self.raw_grpc(&call.request).await;
        let (whole, mut end) = messages(&body);
        let mut replies = Vec::new();
        for message in whole {
            match call.method.decode(message) {
                Ok(reply) => replies.push(reply),
                Err(why) => {
                    end = Err(format!("message {} cannot be read: {why}", replies.len() + 1));
                    break;
                }
            }
        }
        // Of a call that broke, a part of a message is left; of one that ended, that is a mistake of the other side.
        if let (Err(why), true) = (end, response.outcome.is_ok()) {
            ended = None;
            response.outcome = Err(NoAnswer {
                kind: None,
                message: format!("what came is not gRPC: {why}"),
            });
        }
        Call {
            response,
            ended,
            replies,
        }
    }

    /// The same with messages as they came.
    pub(super) async fn raw_grpc(&self, request: &Request) -> Raw {
        let start = Instant::now();
        let tally = self.tally();
        let open = tally.open(request.to());
        let mut partial = Partial::default();
        let answer = self.pool(request).send(request.message(), async |response, exchange| {
            read(response, exchange, &mut partial).await
        });
        let outcome = match tokio::time::timeout(request.timeout, answer).await {
            Ok(Ok(())) => {
                open.is_answered();
                Ok(())
            }
            Ok(Err(problem)) => {
                if problem.is_unsent() {
                    open.is_unsent();
                }
                Err(problem.no_answer(request.timeout))
            }
            Err(_) => Err(too_late(request.timeout)),
        };
        let Partial { answer, body } = partial;
        let ended = outcome.is_ok().then(|| ended(&answer));
        Raw {
            ended,
            // A body that is none of gRPC is what somebody else says, such as a proxy.
            body: if is_grpc(&answer.headers) { body } else { Vec::new() },
            response: Response {
                outcome: outcome.map(|()| answer),
                took: start.elapsed(),
            },
        }
    }
}

fn is_grpc(headers: &IndexMap<String, String>) -> bool {
    let kind = headers.get("content-type");
    kind.is_some_and(|kind| kind == "application/grpc" || kind.starts_with("application/grpc+"))
}

/// Reads an answer to its end; what came of it before it broke stays.
async fn read(response: http::Response<Incoming>, exchange: Exchange, partial: &mut Partial) -> Result<(), Problem> {
    let (parts, mut body) = response.into_parts();
    within(&parts.headers)?;
    partial.answer.status = parts.status.as_u16();
    partial.answer.exchange = exchange;
    add(&mut partial.answer.headers, &parts.headers, |_| true);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Lost::broke)?;
        if let Some(trailers) = frame.trailers_ref() {
            within(trailers)?;
            add(&mut partial.answer.trailers, trailers, |_| true);
        }
        let Some(chunk) = frame.data_ref() else { continue };
        if partial.body.len() + chunk.len() > LONGEST_BODY {
            let message = format!(
                "the call was given up: its messages are longer than {} MiB",
                LONGEST_BODY >> 20
            );
            return Err(Problem::TooLong(message));
        }
        partial.body.extend_from_slice(chunk);
    }
    Ok(())
}

/// What an answer says of how the call ended: in its trailers, or in its headers where there is nothing but these.
fn ended(answer: &Answer) -> Ended {
    let said = |name: &str| answer.trailers.get(name).or_else(|| answer.headers.get(name));
    let message = said("grpc-message").map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
    match said("grpc-status").map(|status| status.parse::<u32>()) {
        Some(Ok(code)) => Ended {
            code: Code(code),
            message: message.unwrap_or_default(),
            is_of_grpc: true,
        },
        Some(Err(_)) => Ended {
            code: Code::UNKNOWN,
            message: "grpc-status is no number".to_owned(),
            is_of_grpc: true,
        },
        None => Ended {
            code: Code::of_http(answer.status),
            message: message.unwrap_or_default(),
            is_of_grpc: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_has_eight_digits_at_the_most() {
        let times = [
            Duration::from_millis(300),
            Duration::from_secs(99),
            Duration::from_secs(3600),
        ];
        assert_eq!(times.map(timeout), ["300000u", "99000000u", "3600000m"]);
    }

    #[test]
    fn the_end_is_said_in_trailers_or_headers_or_by_http() {
        let with = |status: u16, headers: &[(&str, &str)], trailers: &[(&str, &str)]| {
            let map = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let end = ended(&Answer {
                status,
                headers: map(headers),
                trailers: map(trailers),
                ..Answer::default()
            });
            (end.code.to_string(), end.message, end.is_of_grpc)
        };
        let told = |code: &str, message: &str, is_of_grpc| (code.to_owned(), message.to_owned(), is_of_grpc);
        assert_eq!(with(200, &[], &[("grpc-status", "0")]), told("OK", "", true));
        let headers = [("grpc-status", "14"), ("grpc-message", "gone%20away %C3%A9")];
        assert_eq!(with(200, &headers, &[]), told("UNAVAILABLE", "gone away é", true));
        assert_eq!(with(503, &[], &[]), told("UNAVAILABLE", "", false));
        assert_eq!(with(200, &[], &[]), told("UNKNOWN", "", false));
        assert_eq!(with(200, &[], &[("grpc-status", "x")]).0, "UNKNOWN");
    }
}
