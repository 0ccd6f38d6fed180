"""A RAG workflow with a tool and an agent, traced by the OpenTelemetry SDK of its own.

The official OpenAI SDK calls a chat model at the gateway; W3C headers put each call into this
application's trace, and x-to11-context-* headers tell what was done before the call. Prints one JSON line
a call: the span that it was made in, and the `traceparent` that came back.
"""

import json
import sys
import time

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

base, backends = sys.argv[1], sys.argv[2:]
resource = Resource.create({"service.name": "my-rag-pipeline", "project.id": "proj_rag"})
provider = TracerProvider(resource=resource)
for backend in backends:
    protocol, endpoint = backend.split("=", 1)
    exporter = GrpcExporter(endpoint=endpoint, insecure=True) if protocol == "grpc" else HttpExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("my-rag-pipeline")

client = openai.OpenAI(base_url=f"{base}/v1", api_key="caller-key", max_retries=0)
parameters = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
tools = [{"type": "function", "function": {"name": "web_search", "parameters": parameters}}]
question = {"role": "user", "content": "What happened today?"}


def call(messages, context, **options):
    """One call; `context` is what was done before it. Returns its first choice, put together."""
    headers = {f"x-to11-context-{name}": value for name, value in context.items()}
    inject(headers)
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=messages, extra_headers=headers, **options
    )
    here = trace.get_current_span().get_span_context()
    answer = raw.parse()
    if options.get("stream"):
        answer = gather(answer)
    else:
        answer = (answer.choices[0].message.content, [])
    line = {"trace": f"{here.trace_id:032x}", "span": f"{here.span_id:016x}", "traceparent": raw.headers["traceparent"]}
    print(json.dumps(line), flush=True)
    return answer


def gather(stream):
    text, calls = "", []
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                if part.index == len(calls):
                    calls.append({"id": part.id, "type": "function", "function": {"name": part.function.name, "arguments": ""}})
                calls[part.index]["function"]["arguments"] += part.function.arguments or ""
    return text, calls


def timed(work):
    """The result, and the milliseconds that it took."""
    started = time.monotonic()
    result = work()
    return result, str(round((time.monotonic() - started) * 1000))


def search(arguments):
    time.sleep(0.02)
    return f"results for {arguments['query']}"


with tracer.start_as_current_span("rag-workflow"):
    with tracer.start_as_current_span("hire"):
        call([question], {"operation": "create_agent", "agent-id": "agent-001", "agent-name": "planner", "agent-description": "plans"})
    with tracer.start_as_current_span("vector-search") as span:
        documents, took = timed(lambda: time.sleep(0.03) or [f"document {at}" for at in range(5)])
        span.set_attribute("document.count", len(documents))
    messages = [{"role": "system", "content": "Use these documents:\n" + "\n".join(documents)}, question]
    with tracer.start_as_current_span("ask"):
        _, calls = call(
            messages,
            {"operation": "retrieval", "retrieval-source": "pinecone", "retrieval-document-count": str(len(documents)), "retrieval-duration-ms": took},
            stream=True,
            tools=tools,
        )
    assert len(calls) == 1, calls
    function = calls[0]["function"]
    with tracer.start_as_current_span("run-tool"):
        found, took = timed(lambda: search(json.loads(function["arguments"])))
    messages += [{"role": "assistant", "tool_calls": calls}, {"role": "tool", "tool_call_id": calls[0]["id"], "content": found}]
    with tracer.start_as_current_span("answer"):
        text, _ = call(
            messages,
            {"operation": "execute_tool", "tool-name": function["name"], "tool-call-id": calls[0]["id"], "tool-duration-ms": took},
            stream=True,
            tools=tools,
        )
    assert text, "an answer in words"
    with tracer.start_as_current_span("plan"):
        call([question], {"operation": "invoke_agent", "agent-id": "agent-001", "agent-name": "planner", "agent-step": "0"})

assert provider.force_flush(), "a backend did not take the spans"
provider.shutdown()
