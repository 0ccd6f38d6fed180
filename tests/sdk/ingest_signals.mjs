// Traces, metrics and logs of an application through the official SDK, over all three protocols, with and
// without compression. Nothing but documented settings.
//
// Each run has a name, which is an attribute of everything it sends. Prints one JSON line a run: its name and
// the ids of its span. The token comes in OTEL_EXPORTER_OTLP_HEADERS.

import { createRequire } from "node:module";

const require = createRequire(process.env.TOLLGATE_SDK_DIR + "/");
const { context, trace } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { OTLPLogExporter: GrpcLogs } = require("@opentelemetry/exporter-logs-otlp-grpc");
const { OTLPLogExporter: JsonLogs } = require("@opentelemetry/exporter-logs-otlp-http");
const { OTLPLogExporter: ProtoLogs } = require("@opentelemetry/exporter-logs-otlp-proto");
const { OTLPMetricExporter: GrpcMetrics } = require("@opentelemetry/exporter-metrics-otlp-grpc");
const { OTLPMetricExporter: JsonMetrics } = require("@opentelemetry/exporter-metrics-otlp-http");
const { OTLPMetricExporter: ProtoMetrics } = require("@opentelemetry/exporter-metrics-otlp-proto");
const { OTLPTraceExporter: GrpcTraces } = require("@opentelemetry/exporter-trace-otlp-grpc");
const { OTLPTraceExporter: JsonTraces } = require("@opentelemetry/exporter-trace-otlp-http");
const { OTLPTraceExporter: ProtoTraces } = require("@opentelemetry/exporter-trace-otlp-proto");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { AggregationType, MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const [grpcEndpoint, httpEndpoint, ...names] = process.argv.slice(2);
const scope = ["my-rag-pipeline", "1.2"];
const kinds = {
  grpc: [GrpcTraces, GrpcMetrics, GrpcLogs],
  "http/protobuf": [ProtoTraces, ProtoMetrics, ProtoLogs],
  "http/json": [JsonTraces, JsonMetrics, JsonLogs],
};

function exporters(protocol, compression) {
  return kinds[protocol].map((Exporter, at) => {
    const path = `${httpEndpoint}/v1/${["traces", "metrics", "logs"][at]}`;
    return new Exporter({ url: protocol === "grpc" ? `http://${grpcEndpoint}` : path, compression });
  });
}

async function run(name, protocol, compression) {
  const resource = resourceFromAttributes({
    "service.name": "my-rag-pipeline",
    "project.id": "proj_of_somebody_else",
  });
  const [traces, metrics, logs] = exporters(protocol, compression);
  const tracers = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(traces)] });
  const meters = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter: metrics })],
    views: [{ instrumentName: "app.exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const loggers = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: logs })] });
  const meter = meters.getMeter(...scope);
  const at = { run: name };
  const span = tracers.getTracer(...scope).startSpan("step", { attributes: at });
  context.with(trace.setSpan(context.active(), span), () => {
    span.setAttributes({
      whole: 9007199254740991, half: 0.5, two: 2.0, flag: true, list: ["a", "b"], numbers: [1, 2],
    });
    meter.createCounter("app.counter", { unit: "{item}", description: "Items" }).add(3, at);
    meter.createUpDownCounter("app.up_down").add(-2, at);
    meter.createGauge("app.gauge").record(0.25, at);
    for (const value of [0.5, 3, 12]) {
      meter.createHistogram("app.histogram", { unit: "s" }).record(value, at);
      meter.createHistogram("app.exponential", { unit: "s" }).record(value, at);
    }
    loggers.getLogger(...scope).emit({
      timestamp: [1700000000, 123456789],
      severityText: "WARN",
      severityNumber: SeverityNumber.WARN,
      body: { said: "it's done", n: 2 },
      attributes: { ...at, list: ["a", "b"] },
      eventName: "step.done",
      context: trace.setSpan(context.active(), span),
    });
  });
  span.end();
  for (const provider of [tracers, meters, loggers]) {
    await provider.shutdown();
  }
  const { traceId, spanId } = span.spanContext();
  console.log(JSON.stringify({ run: name, trace: traceId, span: spanId }));
}

for (const name of names) {
  await run(name, ...name.split(" ").slice(1));
}
