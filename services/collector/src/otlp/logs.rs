//! Log records.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use serde_json::json;

use super::attributes::{hex, value, values};
use super::items::{Items, Step};
use crate::bounds::Entries;
use crate::collected::{Collected, Source};
use crate::wire::Malformed;

pub(super) async fn keep(collected: &Collected, message: &[u8], entries: &mut Entries) -> Result<(), Malformed> {
    let mut items = Items::of(message);
    while let Some(step) = items.step()? {
        entries.step().await;
        let Step::Item(bytes) = step else { continue };
        if !entries.admit(bytes.len()) {
            continue;
        }
        let record = LogRecord::decode(bytes)?;
        let trace_id = hex(&record.trace_id);
        let entry = json!({
            "source": Source::Otlp,
            "type": "record",
            "service": items.service(),
            "trace_id": trace_id,
            "span_id": hex(&record.span_id),
            "start_us": record.time_unix_nano / 1000,
            "severity": record.severity_text,
            "body": value(record.body),
            "attributes": values(record.attributes),
        });
        collected.log(items.service(), trace_id, &entry);
    }
    Ok(())
}
