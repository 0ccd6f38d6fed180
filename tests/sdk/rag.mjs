// A RAG workflow with a tool and an agent, traced by the OpenTelemetry SDK of its own: what rag.py does, in
// JavaScript. Prints one JSON line a call: the span that it was made in, and the `traceparent` that came back.

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(process.env.TOLLGATE_SDK_DIR + "/");
const { default: OpenAI } = require("openai");
const { context, propagation, trace } = require("@opentelemetry/api");
const { OTLPTraceExporter: GrpcExporter } = require("@opentelemetry/exporter-trace-otlp-grpc");
const { OTLPTraceExporter: HttpExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const [base, ...backends] = process.argv.slice(2);
const must = (condition, what) => { if (!condition) throw new Error(what); };
const exporters = backends.map((backend) => {
  const [protocol, endpoint] = backend.split("=");
  return protocol === "grpc" ? new GrpcExporter({ url: endpoint }) : new HttpExporter({ url: endpoint + "/v1/traces" });
});
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "my-rag-pipeline", "project.id": "proj_rag" }),
  spanProcessors: exporters.map((exporter) => new BatchSpanProcessor(exporter)),
});
provider.register();
const tracer = trace.getTracer("my-rag-pipeline");

const client = new OpenAI({ baseURL: base + "/v1", apiKey: "caller-key", maxRetries: 0 });
const parameters = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const tools = [{ type: "function", function: { name: "web_search", parameters } }];
const question = { role: "user", content: "What happened today?" };

/** Work inside a span of its own. */
const within = (name, work) =>
  tracer.startActiveSpan(name, async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });

/** One call; `before` is what was done before it. Returns its first choice, put together. */
async function call(messages, before, options = {}) {
  const headers = Object.fromEntries(Object.entries(before).map(([name, value]) => ["x-to11-context-" + name, value]));
  propagation.inject(context.active(), headers);
  const asked = client.chat.completions.create({ model: "gpt-4o-mini", messages, ...options }, { headers });
  const { data, response } = await asked.withResponse();
  const { traceId, spanId } = trace.getActiveSpan().spanContext();
  const answer = options.stream ? await gather(data) : { text: data.choices[0].message.content, calls: [] };
  console.log(JSON.stringify({ trace: traceId, span: spanId, traceparent: response.headers.get("traceparent") }));
  return answer;
}

async function gather(stream) {
  let text = "";
  const calls = [];
  for await (const { choices } of stream) {
    for (const { delta } of choices) {
      text += delta.content ?? "";
      for (const { index, id, function: part } of delta.tool_calls ?? []) {
        calls[index] ??= { id, type: "function", function: { name: part.name, arguments: "" } };
        calls[index].function.arguments += part.arguments ?? "";
      }
    }
  }
  return { text, calls };
}

/** The result, and the milliseconds that it took. */
async function timed(work) {
  const started = performance.now();
  const result = await work();
  return [result, String(Math.round(performance.now() - started))];
}

await within("rag-workflow", async () => {
  await within("hire", () =>
    call([question], { operation: "create_agent", "agent-id": "agent-001", "agent-name": "planner", "agent-description": "plans" }));
  const [documents, searched] = await within("vector-search", async (span) => {
    const [found, took] = await timed(() => sleep(30, [...Array(5).keys()].map((at) => "document " + at)));
    span.setAttribute("document.count", found.length);
    return [found, took];
  });
  const messages = [{ role: "system", content: "Use these documents:\n" + documents.join("\n") }, question];
  const { calls } = await within("ask", () =>
    call(messages, {
      operation: "retrieval", "retrieval-source": "pinecone", "retrieval-document-count": String(documents.length),
      "retrieval-duration-ms": searched,
    }, { stream: true, tools }));
  must(calls.length === 1, "one tool call");
  const [{ id, function: { name, arguments: asked } }] = calls;
  const [found, ran] = await within("run-tool", () => timed(() => sleep(20, "results for " + JSON.parse(asked).query)));
  messages.push({ role: "assistant", tool_calls: calls }, { role: "tool", tool_call_id: id, content: found });
  const { text } = await within("answer", () =>
    call(messages, { operation: "execute_tool", "tool-name": name, "tool-call-id": id, "tool-duration-ms": ran }, { stream: true, tools }));
  must(text, "an answer in words");
  await within("plan", () =>
    call([question], { operation: "invoke_agent", "agent-id": "agent-001", "agent-name": "planner", "agent-step": "0" }));
});
await provider.shutdown();
