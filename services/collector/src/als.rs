//! Access logs over gRPC, as Envoys send them.

use envoy_types::pb::envoy::config::core::v3::address::Address as Kind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address, RequestMethod};
use envoy_types::pb::envoy::data::accesslog::v3::{
    AccessLogCommon, HttpAccessLogEntry, ResponseFlags, TcpAccessLogEntry,
};
use envoy_types::pb::envoy::service::accesslog::v3::StreamAccessLogsResponse;
use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::SERVICE_NAME;
use envoy_types::pb::google::protobuf::Duration;
use prost::Message as _;
use prost::bytes::Bytes;
use serde_json::{Map, Value, json};
use tonic::{Status, Streaming};

use crate::bounds::{Entries, name, told};
use crate::collected::{Collected, Source};
use crate::raw::Takes;
use crate::wire::{Fields, Malformed, first};

/// The fields of a message, and those of who sends it.
const IDENTIFIER: u32 = 1;
const HTTP_LOGS: u32 = 2;
const TCP_LOGS: u32 = 3;
const NODE: u32 = 1;
const LOG_NAME: u32 = 2;
/// Of a node.
const ID: u32 = 1;
/// Of logs of both kinds.
const LOG_ENTRY: u32 = 1;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct AccessLogs(pub(crate) Collected);

/// Who sends the entries of a stream, which its first message says.
#[derive(Debug, Default)]
struct Sender {
    node: String,
    log_name: String,
}

impl Takes for AccessLogs {
    const SERVICE: &'static str = SERVICE_NAME;
    const METHOD: &'static str = "StreamAccessLogs";
    type Answer = StreamAccessLogsResponse;

    async fn take(self, mut messages: Streaming<Bytes>) -> Result<StreamAccessLogsResponse, Status> {
        let mut sender = Sender::default();
        while let Some(message) = messages.message().await? {
            let mut entries = Entries::default();
            let kept = self.keep(&message, &mut sender, &mut entries).await;
            let passed_over = entries.passed_over();
            if passed_over > 0 {
                tracing::warn!("access logs of {:?}: {}", sender.node, told(passed_over));
                self.0.lock().logs.pass_over(passed_over);
            }
            kept?;
        }
        Ok(StreamAccessLogsResponse {})
    }
}

impl AccessLogs {
    async fn keep(&self, message: &[u8], sender: &mut Sender, entries: &mut Entries) -> Result<(), Malformed> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            entries.step().await;
            let read: fn(&[u8]) -> Result<Value, Malformed> = match field.number {
                IDENTIFIER => {
                    sender.node = name(first(first(field.content, NODE)?, ID)?);
                    sender.log_name = name(first(field.content, LOG_NAME)?);
                    continue;
                }
                HTTP_LOGS => |entry| Ok(http(&HttpAccessLogEntry::decode(entry)?)),
                TCP_LOGS => |entry| Ok(tcp(&TcpAccessLogEntry::decode(entry)?)),
                _ => continue,
            };
            let mut logs = Fields::of(field.content);
            while let Some(entry) = logs.next_of(LOG_ENTRY)? {
                entries.step().await;
                if !entries.admit(entry.len()) {
                    continue;
                }
                let mut entry = read(entry)?;
                entry["source"] = json!(Source::Als);
                entry["service"] = json!(sender.node);
                entry["log_name"] = json!(sender.log_name);
                self.0.log(&sender.node, String::new(), &entry);
            }
        }
        Ok(())
    }
}

fn http(entry: &HttpAccessLogEntry) -> Value {
    let mut told = common(entry.common_properties.as_ref());
    told.insert("type".to_owned(), json!("http"));
    told.insert("protocol".to_owned(), json!(entry.protocol_version().as_str_name()));
    if let Some(request) = &entry.request {
        let method = RequestMethod::try_from(request.request_method).unwrap_or_default();
        told.insert("method".to_owned(), json!(method.as_str_name()));
        told.insert("scheme".to_owned(), json!(request.scheme));
        told.insert("authority".to_owned(), json!(request.authority));
        told.insert("path".to_owned(), json!(request.path));
        told.insert("user_agent".to_owned(), json!(request.user_agent));
        told.insert("request_id".to_owned(), json!(request.request_id));
        told.insert("request_headers".to_owned(), json!(request.request_headers));
        told.insert("request_body_bytes".to_owned(), json!(request.request_body_bytes));
    }
    if let Some(response) = &entry.response {
        told.insert(
            "response_code".to_owned(),
            json!(response.response_code.as_ref().map(|code| code.value)),
        );
        told.insert(
            "response_code_details".to_owned(),
            json!(response.response_code_details),
        );
        told.insert("response_headers".to_owned(), json!(response.response_headers));
        told.insert("response_trailers".to_owned(), json!(response.response_trailers));
        told.insert("response_body_bytes".to_owned(), json!(response.response_body_bytes));
    }
    Value::Object(told)
}

fn tcp(entry: &TcpAccessLogEntry) -> Value {
    let mut told = common(entry.common_properties.as_ref());
    told.insert("type".to_owned(), json!("tcp"));
    if let Some(connection) = &entry.connection_properties {
        told.insert("received_bytes".to_owned(), json!(connection.received_bytes));
        told.insert("sent_bytes".to_owned(), json!(connection.sent_bytes));
    }
    Value::Object(told)
}

fn common(common: Option<&AccessLogCommon>) -> Map<String, Value> {
    let Some(common) = common else { return Map::new() };
    let told = json!({
        "downstream_remote_address": address(common.downstream_remote_address.as_ref()),
        "downstream_local_address": address(common.downstream_local_address.as_ref()),
        "upstream_remote_address": address(common.upstream_remote_address.as_ref()),
        "upstream_cluster": common.upstream_cluster,
        "upstream_transport_failure_reason": common.upstream_transport_failure_reason,
        "upstream_request_attempt_count": common.upstream_request_attempt_count,
        "route_name": common.route_name,
        "response_flags": common.response_flags.as_ref().map(flags).unwrap_or_default(),
        "start_us": common.start_time.as_ref().map(|time| micros(time.seconds, time.nanos)),
        "duration_us": common
            .duration
            .as_ref()
            .or(common.time_to_last_downstream_tx_byte.as_ref())
            .map(|time: &Duration| micros(time.seconds, time.nanos)),
        "stream_id": common.stream_id,
        "connection_termination_details": common.connection_termination_details,
        "custom_tags": common.custom_tags,
        "sni": common.tls_properties.as_ref().map(|tls| &tls.tls_sni_hostname),
    });
    match told {
        Value::Object(told) => told,
        _ => Map::new(),
    }
}

/// What is further away than can be said is as far as can be.
fn micros(seconds: i64, nanos: i32) -> i64 {
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(nanos) / 1000)
}

fn address(address: Option<&Address>) -> Option<String> {
    match address?.address.as_ref()? {
        Kind::SocketAddress(socket) => {
            let port = match &socket.port_specifier {
                Some(PortSpecifier::PortValue(port)) => port.to_string(),
                Some(PortSpecifier::NamedPort(name)) => name.clone(),
                None => String::new(),
            };
            Some(if socket.address.contains(':') {
                format!("[{}]:{port}", socket.address)
            } else {
                format!("{}:{port}", socket.address)
            })
        }
        Kind::Pipe(pipe) => Some(pipe.path.clone()),
        Kind::EnvoyInternalAddress(_) => Some("internal".to_owned()),
    }
}

/// As `%RESPONSE_FLAGS%` has them.
fn flags(flags: &ResponseFlags) -> Vec<&'static str> {
    let all = [
        (flags.failed_local_healthcheck, "LH"),
        (flags.no_healthy_upstream, "UH"),
        (flags.upstream_request_timeout, "UT"),
        (flags.local_reset, "LR"),
        (flags.upstream_remote_reset, "UR"),
        (flags.upstream_connection_failure, "UF"),
        (flags.upstream_connection_termination, "UC"),
        (flags.upstream_overflow, "UO"),
        (flags.no_route_found, "NR"),
        (flags.delay_injected, "DI"),
        (flags.fault_injected, "FI"),
        (flags.rate_limited, "RL"),
        (flags.unauthorized_details.is_some(), "UAEX"),
        (flags.rate_limit_service_error, "RLSE"),
        (flags.downstream_connection_termination, "DC"),
        (flags.upstream_retry_limit_exceeded, "URX"),
        (flags.stream_idle_timeout, "SI"),
        (flags.invalid_envoy_request_headers, "IH"),
        (flags.downstream_protocol_error, "DPE"),
        (flags.upstream_max_stream_duration_reached, "UMSDR"),
        (flags.response_from_cache_filter, "RFCF"),
        (flags.no_filter_config_found, "NFCF"),
        (flags.duration_timeout, "DT"),
        (flags.upstream_protocol_error, "UPE"),
        (flags.no_cluster_found, "NC"),
        (flags.overload_manager, "OM"),
        (flags.dns_resolution_failure, "DF"),
        (flags.downstream_remote_reset, "DR"),
    ];
    all.into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name))
        .collect()
}
