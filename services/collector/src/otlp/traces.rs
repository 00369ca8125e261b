//! Spans.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span as Wire};

use super::attributes::{hex, service, values};
use crate::collected::{Source, Span};

pub(super) fn spans(resources: Vec<ResourceSpans>) -> impl Iterator<Item = Span> {
    resources.into_iter().flat_map(|resource| {
        let service = service(resource.resource);
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(move |wire| span(service.clone(), wire))
    })
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
