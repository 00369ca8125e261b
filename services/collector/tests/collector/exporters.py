"""Exports a span, a log record and a metric as OpenTelemetry's own SDK does. Its arguments: the address, and `grpc` or `http`."""

import logging
import sys

ADDRESS, WAY = sys.argv[1:]

if WAY == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    def exporter(kind, path):
        return kind(endpoint=ADDRESS, insecure=True, timeout=60)
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def exporter(kind, path):
        return kind(endpoint=f"http://{ADDRESS}/v1/{path}", timeout=60)


from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

resource = Resource.create({"service.name": "shop"})

tracers = TracerProvider(resource=resource)
tracers.add_span_processor(SimpleSpanProcessor(exporter(OTLPSpanExporter, "traces")))
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(SimpleLogRecordProcessor(exporter(OTLPLogExporter, "logs")))
meters = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(exporter(OTLPMetricExporter, "metrics"))])

logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=loggers))

meters.get_meter("shop").create_counter("orders").add(3, {"kind": "pet"})
with tracers.get_tracer("shop").start_as_current_span("order", kind=SpanKind.SERVER, attributes={"pets": 2}):
    logger.info("ordered")

for provider in [tracers, loggers, meters]:
    provider.shutdown()
