//! The calls of the echo service.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use meshkat_kit::joined;
use tonic::{Request, Response, Status, Streaming};

use super::deadline::Deadline;
use super::ending::Ending;
use super::v1::echo_server::Echo;
use super::v1::{EchoRequest, EchoResponse};
use crate::directives::Directives;

/// How often a stream of answers may answer one message.
const MOST_ANSWERS: u32 = 100_000;

/// How many bytes the messages of a stream may have together that are told of in one answer.
const MOST_BYTES: usize = 1 << 20;

type Answers = Pin<Box<dyn Stream<Item = Result<EchoResponse, Status>> + Send>>;

/// The echo service.
pub(crate) struct Calls {
    instance: Arc<str>,
}

/// What is known of a call from its beginning.
struct Call {
    /// What every answer tells.
    head: EchoResponse,
    deadline: Option<Deadline>,
    ending: Option<Ending>,
}

impl Calls {
    pub(crate) fn new(instance: &str) -> Self {
        Self {
            instance: instance.into(),
        }
    }

    fn call<T>(&self, request: Request<T>) -> (Call, T) {
        let (metadata, mut extensions, message) = request.into_parts();
        let headers = metadata.into_headers();
        let deadline = extensions.remove::<Deadline>();
        let directives = extensions.remove::<Arc<Directives>>();
        let authority = extensions.remove::<http::uri::Authority>();
        let head = EchoResponse {
            instance: self.instance.to_string(),
            authority: authority.map(|authority| authority.to_string()).unwrap_or_default(),
            metadata: texts(&headers).into_iter().collect(),
            deadline_ms: deadline.map(|deadline| u64::try_from(deadline.after.as_millis()).unwrap_or(u64::MAX)),
            ..EchoResponse::default()
        };
        let call = Call {
            head,
            deadline,
            ending: directives.and_then(|directives| directives.ending.clone()),
        };
        (call, message)
    }
}

impl Call {
    /// One answer, or the end that the call is to have in its place.
    async fn once(
        self,
        work: impl Future<Output = Result<(EchoRequest, u32), Status>>,
    ) -> Result<Response<EchoResponse>, Status> {
        let (message, received) = tokio::select! {
            biased;
            done = work => done?,
            status = Deadline::passed(self.deadline) => return Err(status),
        };
        match &self.ending {
            Some(ending) => Err(ending.status()),
            None => Ok(Response::new(answer(&self.head, message, 1, received))),
        }
    }

    /// Answers, until the end that the call is to have, or its deadline.
    fn stream(self, answers: impl Stream<Item = Result<EchoResponse, Status>> + Send + 'static) -> Answers {
        let most = self.ending.as_ref().map_or(usize::MAX, |ending| ending.after as usize);
        let end = self.ending.map(|ending| Err(ending.status()));
        let answers = answers.take(most).chain(futures::stream::iter(end));
        // A stream that is cut short by its deadline ends with it.
        let passed = Arc::new(OnceLock::new());
        let told = Arc::clone(&passed);
        let deadline = self.deadline;
        let answers = answers.take_until(async move {
            let _ = passed.set(Deadline::passed(deadline).await);
        });
        let last = futures::stream::once(async move { told.get().cloned() });
        Box::pin(answers.chain(last.filter_map(async |status| status.map(Err))))
    }
}

#[tonic::async_trait]
impl Echo for Calls {
    type ServerStreamStream = Answers;
    type BidiStreamStream = Answers;

    async fn unary(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        let (call, message) = self.call(request);
        call.once(std::future::ready(Ok((message, 1)))).await
    }

    async fn client_stream(&self, request: Request<Streaming<EchoRequest>>) -> Result<Response<EchoResponse>, Status> {
        let (call, mut messages) = self.call(request);
        call.once(async move {
            let (mut all, mut received) = (EchoRequest::default(), 0_u32);
            while let Some(message) = messages.next().await {
                let message = message?;
                received = received.saturating_add(1);
                all.message += &message.message;
                all.payload.extend_from_slice(&message.payload);
                if all.message.len() + all.payload.len() > MOST_BYTES {
                    return Err(Status::resource_exhausted(format!(
                        "the messages of a stream have at most {MOST_BYTES} bytes together"
                    )));
                }
            }
            Ok((all, received))
        })
        .await
    }

    async fn server_stream(&self, request: Request<EchoRequest>) -> Result<Response<Answers>, Status> {
        let (call, message) = self.call(request);
        if message.count > MOST_ANSWERS {
            return Err(Status::invalid_argument(format!(
                "count is at most {MOST_ANSWERS}, not {}",
                message.count
            )));
        }
        let head = call.head.clone();
        let answers = futures::stream::iter(1..=message.count.max(1))
            .map(move |number| Ok(answer(&head, message.clone(), number, 1)));
        Ok(Response::new(call.stream(answers)))
    }

    async fn bidi_stream(&self, request: Request<Streaming<EchoRequest>>) -> Result<Response<Answers>, Status> {
        let (call, messages) = self.call(request);
        let head = call.head.clone();
        let answers = messages.enumerate().map(move |(index, message)| {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            message.map(|message| answer(&head, message, number, number))
        });
        Ok(Response::new(call.stream(answers)))
    }
}

fn answer(head: &EchoResponse, message: EchoRequest, number: u32, received: u32) -> EchoResponse {
    EchoResponse {
        message: message.message,
        payload: message.payload,
        number,
        received,
        ..head.clone()
    }
}

/// What came as text. What is binary ends with `-bin`, and is told as it came on the wire.
fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    joined(headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    }))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn call(ending: Option<Ending>) -> Call {
        let headers = HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), "20m".parse().unwrap())]);
        Call {
            head: EchoResponse::default(),
            deadline: Deadline::of(&headers),
            ending,
        }
    }

    #[tokio::test]
    async fn what_is_under_way_ends_with_the_deadline() {
        let status = call(None).once(std::future::pending()).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let one = futures::stream::iter([Ok(EchoResponse::default())]);
        let answers: Vec<_> = call(None).stream(one.chain(futures::stream::pending())).collect().await;
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[1].as_ref().unwrap_err().code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn what_is_done_before_its_deadline_ends_as_it_was_to() {
        let answers = || futures::stream::iter((0..3).map(|_| Ok(EchoResponse::default())));
        assert_eq!(call(None).stream(answers()).collect::<Vec<_>>().await.len(), 3);
        let ending = Ending {
            code: Code::Aborted,
            message: String::new(),
            after: 1,
        };
        let ended: Vec<_> = call(Some(ending)).stream(answers()).collect().await;
        assert_eq!(ended.len(), 2);
        assert_eq!(ended[1].as_ref().unwrap_err().code(), Code::Aborted);
    }
}
