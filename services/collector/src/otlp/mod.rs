//! OTLP: traces, logs and metrics over gRPC, and over HTTP as protobuf or JSON.

mod attributes;
mod items;
mod logs;
mod metrics;
mod traces;

use std::future::Future;
use std::marker::PhantomData;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, header};
use meshkat_kit::{Problem, grpc_service, read_body};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::SERVICE_NAME as LOGS;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::SERVICE_NAME as METRICS;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::SERVICE_NAME as TRACES;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use prost::bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::{Status, Streaming};

use crate::bounds::{Entries, check_json, told};
use crate::collected::Collected;
use crate::raw::{Raw, Takes};
use crate::wire::Malformed;
use crate::zipkin::BODY_LIMIT;

/// All of them, beside other routes.
pub(crate) fn routes(router: Router, collected: &Collected) -> Router {
    let http = Router::new()
        .route("/v1/traces", post(over_http::<ExportTraceServiceRequest>))
        .route("/v1/logs", post(over_http::<ExportLogsServiceRequest>))
        .route("/v1/metrics", post(over_http::<ExportMetricsServiceRequest>))
        .with_state(collected.clone());
    let router = router.merge(http);
    let router = grpc_service(router, Raw(OverGrpc::<ExportTraceServiceRequest>::new(collected)));
    let router = grpc_service(router, Raw(OverGrpc::<ExportLogsServiceRequest>::new(collected)));
    grpc_service(router, Raw(OverGrpc::<ExportMetricsServiceRequest>::new(collected)))
}

/// What is exported in one message.
trait Export: Message + Default + DeserializeOwned + 'static {
    const SERVICE: &'static str;
    type Answer: Message + Default + Serialize + 'static;

    /// Keeps what is in a message.
    fn keep(
        collected: &Collected,
        message: &[u8],
        entries: &mut Entries,
    ) -> impl Future<Output = Result<(), Malformed>> + Send;

    /// Counts what was not looked at among what is left out.
    fn pass_over(collected: &Collected, entries: u64);

    /// What a client is told of which so many entries were not looked at.
    fn partial(rejected: i64, error_message: String) -> Self::Answer;
}

impl Export for ExportTraceServiceRequest {
    const SERVICE: &'static str = TRACES;
    type Answer = ExportTraceServiceResponse;

    async fn keep(collected: &Collected, message: &[u8], entries: &mut Entries) -> Result<(), Malformed> {
        traces::keep(collected, message, entries).await
    }

    fn pass_over(collected: &Collected, entries: u64) {
        collected.lock().spans.pass_over(entries);
    }

    fn partial(rejected_spans: i64, error_message: String) -> ExportTraceServiceResponse {
        ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message,
            }),
        }
    }
}

impl Export for ExportLogsServiceRequest {
    const SERVICE: &'static str = LOGS;
    type Answer = ExportLogsServiceResponse;

    async fn keep(collected: &Collected, message: &[u8], entries: &mut Entries) -> Result<(), Malformed> {
        logs::keep(collected, message, entries).await
    }

    fn pass_over(collected: &Collected, entries: u64) {
        collected.lock().logs.pass_over(entries);
    }

    fn partial(rejected_log_records: i64, error_message: String) -> ExportLogsServiceResponse {
        ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records,
                error_message,
            }),
        }
    }
}

impl Export for ExportMetricsServiceRequest {
    const SERVICE: &'static str = METRICS;
    type Answer = ExportMetricsServiceResponse;

    async fn keep(collected: &Collected, message: &[u8], entries: &mut Entries) -> Result<(), Malformed> {
        metrics::keep(collected, message, entries).await
    }

    fn pass_over(collected: &Collected, entries: u64) {
        collected.lock().metrics.pass_over(entries);
    }

    fn partial(rejected_data_points: i64, error_message: String) -> ExportMetricsServiceResponse {
        ExportMetricsServiceResponse {
            partial_success: Some(ExportMetricsPartialSuccess {
                rejected_data_points,
                error_message,
            }),
        }
    }
}

/// Keeps what is in a message, and gives the answer.
async fn keep<E: Export>(collected: &Collected, message: &[u8]) -> Result<E::Answer, Malformed> {
    let mut entries = Entries::default();
    let kept = E::keep(collected, message, &mut entries).await;
    let passed_over = entries.passed_over();
    if passed_over > 0 {
        tracing::warn!("{}: {}", E::SERVICE, told(passed_over));
        E::pass_over(collected, passed_over);
    }
    kept?;
    if passed_over == 0 {
        return Ok(E::Answer::default());
    }
    Ok(E::partial(
        i64::try_from(passed_over).unwrap_or(i64::MAX),
        told(passed_over),
    ))
}

async fn over_http<E: Export>(State(collected): State<Collected>, request: Request) -> Result<Response, Problem> {
    let refused = |detail: &str| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(detail);
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(refused("what is compressed is not taken"));
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| kind.as_bytes().to_vec()).unwrap_or_default();
    let (is_json, is_protobuf) = (
        kind.starts_with(b"application/json"),
        kind.starts_with(b"application/x-protobuf"),
    );
    if !is_json && !is_protobuf {
        return Err(refused("it is application/x-protobuf or application/json"));
    }
    let body = read_body(request.into_body(), BODY_LIMIT).await?;
    let message = if is_json { of_json::<E>(&body)? } else { body };
    let answer = keep::<E>(&collected, &message).await;
    let answer = answer.map_err(|error| Problem::bad_request(error.to_string()))?;
    if is_json {
        // What was not said is not told either.
        let text = if answer.encoded_len() == 0 {
            "{}".to_owned()
        } else {
            serde_json::to_string(&answer).unwrap_or_default()
        };
        return Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response());
    }
    // A message that says nothing has no bytes.
    let bytes = answer.encode_to_vec();
    Ok(([(header::CONTENT_TYPE, "application/x-protobuf")], bytes).into_response())
}

/// The message that JSON stands for.
fn of_json<E: Export>(body: &[u8]) -> Result<Bytes, Problem> {
    check_json(body).map_err(|told| Problem::new(StatusCode::PAYLOAD_TOO_LARGE).detail(told))?;
    let export: E = serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Bytes::from(export.encode_to_vec()))
}

/// One of the three services.
#[derive(Debug)]
struct OverGrpc<E> {
    collected: Collected,
    exports: PhantomData<fn() -> E>,
}

impl<E> OverGrpc<E> {
    fn new(collected: &Collected) -> Self {
        Self {
            collected: collected.clone(),
            exports: PhantomData,
        }
    }
}

impl<E> Clone for OverGrpc<E> {
    fn clone(&self) -> Self {
        Self::new(&self.collected)
    }
}

impl<E: Export> Takes for OverGrpc<E> {
    const SERVICE: &'static str = E::SERVICE;
    const METHOD: &'static str = "Export";
    type Answer = E::Answer;

    async fn take(self, mut messages: Streaming<Bytes>) -> Result<E::Answer, Status> {
        let message = messages.message().await?;
        let message = message.ok_or_else(|| Status::invalid_argument("there is no message"))?;
        Ok(keep::<E>(&self.collected, &message).await?)
    }
}
