//! Spans.

use opentelemetry_proto::tonic::trace::v1::Span as Wire;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use super::attributes::{hex, values};
use super::items::{Items, Step};
use crate::bounds::Entries;
use crate::collected::{Collected, Source, Span};
use crate::wire::Malformed;

pub(super) async fn keep(collected: &Collected, message: &[u8], entries: &mut Entries) -> Result<(), Malformed> {
    let mut items = Items::of(message);
    while let Some(step) = items.step()? {
        entries.step().await;
        let Step::Item(bytes) = step else { continue };
        if entries.admit(bytes.len()) {
            collected.span(span(items.service().to_owned(), Wire::decode(bytes)?));
        }
    }
    Ok(())
}

fn span(service: String, wire: Wire) -> Span {
    let kind = match wire.kind() {
        SpanKind::Server => "SERVER",
        SpanKind::Client => "CLIENT",
        SpanKind::Producer => "PRODUCER",
        SpanKind::Consumer => "CONSUMER",
        SpanKind::Internal | SpanKind::Unspecified => "INTERNAL",
    };
    Span {
        source: Source::Otlp,
        service,
        trace_id: hex(&wire.trace_id),
        span_id: hex(&wire.span_id),
        parent_id: hex(&wire.parent_span_id),
        kind: kind.to_owned(),
        start_us: wire.start_time_unix_nano / 1000,
        duration_us: wire.end_time_unix_nano.saturating_sub(wire.start_time_unix_nano) / 1000,
        error: wire
            .status
            .as_ref()
            .is_some_and(|status| status.code() == StatusCode::Error),
        name: wire.name,
        attributes: values(wire.attributes),
        events: wire.events.into_iter().map(|event| event.name).collect(),
    }
}
