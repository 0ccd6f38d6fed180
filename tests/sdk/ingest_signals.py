"""Traces, metrics and logs of an application through the official SDK, over both protocols, with and
without compression. Nothing but documented settings.

Each run has a name, which is an attribute of everything it sends. Prints one JSON line a run: its name and
the ids of its span.
"""

import json
import os
import sys

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcTraces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpTraces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SCOPE = ("my-rag-pipeline", "1.2")
grpc_endpoint, http_endpoint, *names = sys.argv[1:]
headers = {"authorization": f"Bearer {os.environ['TOLLGATE_TOKEN']}"}


def exporters(protocol, compression):
    if protocol == "grpc":
        compressions = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
        options = {"endpoint": grpc_endpoint, "insecure": True}
        kinds = [(GrpcTraces, ""), (GrpcMetrics, ""), (GrpcLogs, "")]
    else:
        compressions = {"none": Compression.NoCompression, "gzip": Compression.Gzip}
        options = {}
        kinds = [(HttpTraces, "traces"), (HttpMetrics, "metrics"), (HttpLogs, "logs")]
    for kind, path in kinds:
        if path:
            options["endpoint"] = f"{http_endpoint}/v1/{path}"
        yield kind(headers=headers, compression=compressions[compression], **options)


def run(name, protocol, compression):
    resource = Resource.create({"service.name": "my-rag-pipeline", "project.id": "proj_of_somebody_else"})
    traces, metrics, logs = exporters(protocol, compression)
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(traces))
    exponential = View(instrument_name="app.exponential", aggregation=ExponentialBucketHistogramAggregation())
    meters = MeterProvider(
        resource=resource, metric_readers=[PeriodicExportingMetricReader(metrics)], views=[exponential]
    )
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
    meter = meters.get_meter(*SCOPE)
    at = {"run": name}
    with tracers.get_tracer(*SCOPE).start_as_current_span("step", attributes=at) as span:
        span.set_attributes(
            {"whole": 9007199254740991, "half": 0.5, "two": 2.0, "flag": True, "list": ["a", "b"], "numbers": [1, 2]}
        )
        meter.create_counter("app.counter", unit="{item}", description="Items").add(3, at)
        meter.create_up_down_counter("app.up_down").add(-2, at)
        meter.create_gauge("app.gauge").set(0.25, at)
        for value in [0.5, 3, 12]:
            meter.create_histogram("app.histogram", unit="s").record(value, at)
            meter.create_histogram("app.exponential", unit="s").record(value, at)
        context = span.get_span_context()
        loggers.get_logger(*SCOPE).emit(
            LogRecord(
                timestamp=1_700_000_000_123_456_789,
                severity_text="WARN",
                severity_number=SeverityNumber.WARN,
                body={"said": "it's done", "n": 2},
                attributes={**at, "list": ["a", "b"]},
                event_name="step.done",
            )
        )
    for provider in [tracers, meters, loggers]:
        provider.shutdown()
    print(json.dumps({"run": name, "trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}))


for name in names:
    run(name, *name.split(" ")[1:])
