// The official Node SDKs and the Vercel AI SDK against upstreams of every dialect; prints one JSON line a
// call: what the SDK made of the answer, in one form for all of them.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Its remarks would stand among the results.
globalThis.AI_SDK_LOG_WARNINGS = false;
const require = createRequire(process.env.TOLLGATE_SDK_DIR + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: OpenAI } = await load("openai");
const { default: Anthropic } = await load("@anthropic-ai/sdk");
const { generateText, streamText, tool } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { createAnthropic } = await load("@ai-sdk/anthropic");
const { z } = await load("zod");

const [base, ...upstreams] = process.argv.slice(2);
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const url = "data:image/png;base64," + pixel;
const ask = "What is the weather in Paris and Tokyo?";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const described = { name: "weather", description: "the weather" };
const show = (caller, upstream, what, text, reasoning, calls, finish, usage) =>
  console.log(JSON.stringify({ caller, upstream, what, text, reasoning, calls, finish, usage }));

const openai = new OpenAI({ baseURL: base + "/v1", apiKey: "caller-key", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey: "caller-key", maxRetries: 0 });

async function sdks(upstream) {
  const completion = await openai.chat.completions
    .stream({
      model: upstream, stream_options: { include_usage: true },
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: ask }, { type: "image_url", image_url: { url } }] },
      ],
      tools: [{ type: "function", function: { ...described, parameters } }],
    })
    .finalChatCompletion();
  const { message, finish_reason } = completion.choices[0];
  show("chat", upstream, "sdk stream", message.content, "",
    message.tool_calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]),
    finish_reason, [completion.usage.prompt_tokens, completion.usage.completion_tokens]);

  const response = await openai.responses
    .stream({
      model: upstream, instructions: "Be brief.", store: false,
      input: [{ role: "user", content: [{ type: "input_text", text: ask }, { type: "input_image", image_url: url, detail: "auto" }] }],
      tools: [{ type: "function", ...described, parameters, strict: false }],
      reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"],
    })
    .finalResponse();
  const items = (type) => response.output.filter((item) => item.type === type);
  show("responses", upstream, "sdk stream", response.output_text,
    items("reasoning").flatMap((item) => item.summary.map((part) => part.text)).join(""),
    items("function_call").map((item) => [item.call_id, item.name, JSON.parse(item.arguments)]),
    response.status, [response.usage.input_tokens, response.usage.output_tokens]);

  const final = await anthropic.messages
    .stream({
      model: upstream, max_tokens: 4000, system: "Be brief.", thinking: { type: "enabled", budget_tokens: 1024 },
      messages: [{ role: "user", content: [{ type: "text", text: ask }, { type: "image", source: { type: "base64", media_type: "image/png", data: pixel } }] }],
      tools: [{ ...described, input_schema: parameters }],
    })
    .finalMessage();
  const blocks = (type) => final.content.filter((block) => block.type === type);
  show("messages", upstream, "sdk stream", blocks("text").map((block) => block.text).join(""),
    blocks("thinking").map((block) => block.thinking).join(""),
    blocks("tool_use").map((block) => [block.id, block.name, block.input]), final.stop_reason,
    [final.usage.input_tokens + (final.usage.cache_read_input_tokens ?? 0), final.usage.output_tokens]);
}

async function ai(caller, upstream, model) {
  const tools = { weather: tool({ description: "the weather", inputSchema: z.object({ city: z.string() }) }) };
  const content = [{ type: "text", text: ask }, { type: "image", image: pixel, mediaType: "image/png" }];
  const asked = { model, system: "Be brief.", messages: [{ role: "user", content }], tools, maxRetries: 0 };
  const called = (calls) => calls.map((call) => [call.toolCallId, call.toolName, call.input]);
  const plain = await generateText(asked);
  show(caller, upstream, "ai plain", plain.text, plain.reasoningText, called(plain.toolCalls), plain.finishReason,
    [plain.usage.inputTokens, plain.usage.outputTokens]);
  const errors = [];
  const stream = streamText({ ...asked, onError: ({ error }) => errors.push(error) });
  const [text, reasoning, calls, finish, usage] = [
    await stream.text, await stream.reasoningText, await stream.toolCalls, await stream.finishReason, await stream.usage,
  ];
  if (errors.length > 0) throw errors[0];
  show(caller, upstream, "ai stream", text, reasoning, called(calls), finish, [usage.inputTokens, usage.outputTokens]);
}

const viaOpenAI = createOpenAI({ baseURL: base + "/v1", apiKey: "caller-key" });
const viaAnthropic = createAnthropic({ baseURL: base + "/v1", apiKey: "caller-key" });
for (const upstream of upstreams) {
  await sdks(upstream);
  await ai("chat", upstream, viaOpenAI.chat(upstream));
  await ai("responses", upstream, viaOpenAI.responses(upstream));
  await ai("messages", upstream, viaAnthropic(upstream));
}
