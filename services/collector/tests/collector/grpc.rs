//! Access logs over gRPC, as an Envoy sends them.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::data::accesslog::v3::{
    AccessLogCommon, HttpAccessLogEntry, HttpRequestProperties, HttpResponseProperties, ResponseFlags,
};
use envoy_types::pb::envoy::service::accesslog::v3::StreamAccessLogsMessage;
use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_client::AccessLogServiceClient;
use envoy_types::pb::envoy::service::accesslog::v3::stream_access_logs_message::{
    HttpAccessLogEntries, Identifier, LogEntries,
};
use envoy_types::pb::google::protobuf::UInt32Value;
use serde_json::json;
use tonic::codegen::tokio_stream::iter;

use crate::{collector, get};

fn message(identifier: Option<Identifier>, path: &str) -> StreamAccessLogsMessage {
    let entry = HttpAccessLogEntry {
        common_properties: Some(AccessLogCommon {
            upstream_cluster: "pet".to_owned(),
            response_flags: Some(ResponseFlags {
                no_healthy_upstream: true,
                ..ResponseFlags::default()
            }),
            ..AccessLogCommon::default()
        }),
        request: Some(HttpRequestProperties {
            request_method: 1,
            path: path.to_owned(),
            ..HttpRequestProperties::default()
        }),
        response: Some(HttpResponseProperties {
            response_code: Some(UInt32Value { value: 503 }),
            ..HttpResponseProperties::default()
        }),
        ..HttpAccessLogEntry::default()
    };
    let logs = HttpAccessLogEntries { log_entry: vec![entry] };
    StreamAccessLogsMessage {
        identifier,
        log_entries: Some(LogEntries::HttpLogs(logs)),
    }
}

#[tokio::test]
async fn access_logs_are_taken_and_told() {
    let collector = collector().await;
    let mut logs = AccessLogServiceClient::connect(collector.url("")).await.unwrap();
    let identifier = Identifier {
        node: Some(Node {
            id: "ingress-1".to_owned(),
            ..Node::default()
        }),
        log_name: "edge".to_owned(),
    };
    let messages = [message(Some(identifier), "/a"), message(None, "/b")];
    logs.stream_access_logs(iter(messages)).await.unwrap();
    let told = get(&collector, "/logs?service=ingress-1").await;
    let entries = told["logs"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    for (entry, path) in entries.iter().zip(["/a", "/b"]) {
        for (name, value) in [
            ("source", json!("als")),
            ("type", json!("http")),
            ("log_name", json!("edge")),
            ("method", json!("GET")),
            ("path", json!(path)),
            ("response_code", json!(503)),
            ("response_flags", json!(["UH"])),
            ("upstream_cluster", json!("pet")),
        ] {
            assert_eq!(entry[name], value, "{name}");
        }
    }
}
