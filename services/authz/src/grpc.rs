//! ext_authz over gRPC.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
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
        let headers = headers(&http);
        let asked = Asked {
            method: http.method,
            host: http.host,
            path: http.path,
            headers,
        };
        Ok(Response::new(answer(self.0.decide(Protocol::Grpc, asked))))
    }
}

/// The headers by lower-case name, the values of a repeated one joined as Envoy joins them. An Envoy with `encode_raw_headers` has them in
/// `header_map`, in the bytes that they came in, and `headers` is empty.
fn headers(http: &HttpRequest) -> BTreeMap<String, String> {
    let raw = http.header_map.iter().flat_map(|map| &map.headers);
    let raw = raw.map(|header| {
        let value = if header.raw_value.is_empty() {
            header.value.clone()
        } else {
            String::from_utf8_lossy(&header.raw_value).into_owned()
        };
        (&header.key, value)
    });
    let texts = http.headers.iter().map(|(name, value)| (name, value.clone()));
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in texts.chain(raw) {
        let known = all.entry(name.to_ascii_lowercase());
        known
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    all
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
