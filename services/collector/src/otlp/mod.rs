//! OTLP: traces, logs and metrics over gRPC, and over HTTP as protobuf or JSON.

mod attributes;
mod logs;
mod metrics;
mod traces;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, header};
use meshkat_kit::{GRPC_MESSAGE_LIMIT, Problem, grpc_service, read_body};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::collected::Collected;
use crate::zipkin::BODY_LIMIT;

/// All of them, beside other routes.
pub(crate) fn routes(router: Router, collected: &Collected) -> Router {
    let http = Router::new()
        .route("/v1/traces", post(over_http::<ExportTraceServiceRequest>))
        .route("/v1/logs", post(over_http::<ExportLogsServiceRequest>))
        .route("/v1/metrics", post(over_http::<ExportMetricsServiceRequest>))
        .with_state(collected.clone());
    let router = router.merge(http);
    let traces = TraceServiceServer::new(OverGrpc(collected.clone()));
    let router = grpc_service(router, traces.max_decoding_message_size(GRPC_MESSAGE_LIMIT));
    let logs = LogsServiceServer::new(OverGrpc(collected.clone()));
    let router = grpc_service(router, logs.max_decoding_message_size(GRPC_MESSAGE_LIMIT));
    let metrics = MetricsServiceServer::new(OverGrpc(collected.clone()));
    grpc_service(router, metrics.max_decoding_message_size(GRPC_MESSAGE_LIMIT))
}

/// What is exported in one message.
trait Export: Message + Default + DeserializeOwned + 'static {
    fn keep(self, collected: &Collected);
}

impl Export for ExportTraceServiceRequest {
    fn keep(self, collected: &Collected) {
        collected.spans(traces::spans(self.resource_spans));
    }
}

impl Export for ExportLogsServiceRequest {
    fn keep(self, collected: &Collected) {
        logs::keep(collected, self.resource_logs);
    }
}

impl Export for ExportMetricsServiceRequest {
    fn keep(self, collected: &Collected) {
        metrics::keep(collected, self.resource_metrics);
    }
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
    if is_json {
        let export: E = serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
        export.keep(&collected);
        return Ok(([(header::CONTENT_TYPE, "application/json")], "{}").into_response());
    }
    let export = E::decode(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    export.keep(&collected);
    // A message that says nothing has no bytes.
    Ok([(header::CONTENT_TYPE, "application/x-protobuf")].into_response())
}

/// The three services.
struct OverGrpc(Collected);

#[tonic::async_trait]
impl TraceService for OverGrpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        request.into_inner().keep(&self.0);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for OverGrpc {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, Status> {
        request.into_inner().keep(&self.0);
        Ok(tonic::Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for OverGrpc {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        request.into_inner().keep(&self.0);
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}
