//! ext_authz over gRPC.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc;
use tonic::{Code, Request, Response, Status};

use crate::checks::{Checks, Protocol};
use crate::rules::{Asked, Decision};

/// The service.
pub(crate) struct Authorizer(pub(crate) Checks);

#[tonic::async_trait]
impl Authorization for Authorizer {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let attributes = request.into_inner().attributes.unwrap_or_default();
        let http = attributes.request.and_then(|request| request.http);
        let http = http.ok_or_else(|| Status::invalid_argument("it says nothing of a request over HTTP"))?;
        let asked = Asked {
            method: http.method,
            host: http.host,
            path: http.path,
            headers: http.headers.into_iter().collect(),
        };
        Ok(Response::new(answer(self.0.decide(Protocol::Grpc, asked))))
    }
}

fn answer(decision: Decision) -> CheckResponse {
    let headers = options(decision.set);
    let (code, http_response) = if decision.allow {
        let ok = OkHttpResponse {
            headers,
            headers_to_remove: decision.remove,
            ..OkHttpResponse::default()
        };
        (Code::Ok, HttpResponse::OkResponse(ok))
    } else {
        let denied = DeniedHttpResponse {
            status: Some(HttpStatus {
                code: decision.status.into(),
            }),
            headers,
            body: decision.body,
        };
        (Code::PermissionDenied, HttpResponse::DeniedResponse(denied))
    };
    CheckResponse {
        status: Some(rpc::Status {
            code: code.into(),
            ..rpc::Status::default()
        }),
        http_response: Some(http_response),
        ..CheckResponse::default()
    }
}

fn options(headers: BTreeMap<String, String>) -> Vec<HeaderValueOption> {
    let option = |(key, value)| HeaderValueOption {
        header: Some(HeaderValue {
            key,
            value,
            ..HeaderValue::default()
        }),
        ..HeaderValueOption::default()
    };
    headers.into_iter().map(option).collect()
}
