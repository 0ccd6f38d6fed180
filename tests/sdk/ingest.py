"""A span of an application's own in the trace of the gateway call that it surrounds.

Exchanges a key for a collector token, exports over gRPC with it, and calls a model at the gateway with
plain HTTP. Nothing but documented settings. Prints one JSON line: what the exchange said, without the
token, and the span's ids.
"""

import json
import os
import sys

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

gateway, control, collector, project = sys.argv[1:]
answer = requests.post(f"{control}/v1/ingest-token/exchange", json={"credential": os.environ["TOLLGATE_KEY"]}, timeout=10)
answer.raise_for_status()
exchanged = answer.json()
token = exchanged.pop("token")

resource = Resource.create({"service.name": "my-rag-pipeline", "project.id": project})
exporter = OTLPSpanExporter(
    endpoint=collector,
    headers={"authorization": f"Bearer {token}"},
    insecure=True,
)
provider = TracerProvider(resource=resource)
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("my-rag-pipeline")

with tracer.start_as_current_span("document-preprocessing") as span:
    span.set_attribute("pipeline.stage", "preprocessing")
    span.set_attribute("document.count", 42)
    headers = {}
    inject(headers)
    called = requests.post(
        f"{gateway}/v1/chat/completions",
        headers={**headers, "Authorization": "Bearer caller-key", "Content-Type": "application/json"},
        json={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]},
        timeout=10,
    )
    called.raise_for_status()
    here = span.get_span_context()

provider.shutdown()
print(json.dumps({"exchanged": exchanged, "trace": f"{here.trace_id:032x}", "span": f"{here.span_id:016x}"}))
