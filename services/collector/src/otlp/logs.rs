//! Log records.

use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use serde_json::json;

use super::attributes::{hex, service, value, values};
use crate::collected::{Collected, Source};

pub(super) fn keep(collected: &Collected, resources: Vec<ResourceLogs>) {
    for resource in resources {
        let service = service(resource.resource);
        for record in resource.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
            let trace_id = hex(&record.trace_id);
            let entry = json!({
                "source": Source::Otlp,
                "type": "record",
                "service": service,
                "trace_id": trace_id,
                "span_id": hex(&record.span_id),
                "start_us": record.time_unix_nano / 1000,
                "severity": record.severity_text,
                "body": value(record.body),
                "attributes": values(record.attributes),
            });
            collected.log(service.clone(), trace_id, &entry);
        }
    }
}
