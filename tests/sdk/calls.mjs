// Calls of the official Node SDKs and the Vercel AI SDK against a base URL; prints one JSON line a call.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.TOLLGATE_SDK_DIR + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: OpenAI } = await load("openai");
const { default: Anthropic } = await load("@anthropic-ai/sdk");
const { generateText, streamText, tool } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { createAnthropic } = await load("@ai-sdk/anthropic");
const { z } = await load("zod");

const base = process.argv[2];
const messages = [{ role: "user", content: "What is the weather in Paris and Tokyo?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const show = (what, result) => console.log(JSON.stringify({ what, result }));
const must = (condition, what) => { if (!condition) throw new Error(what); };

const chat = new OpenAI({ baseURL: base + "/v1", apiKey: "caller-key", maxRetries: 0 });
const asked = { model: "gpt-4o-mini", messages };
show("chat", await chat.chat.completions.create(asked));
show("chat stream", await chat.chat.completions.stream(asked).finalChatCompletion());
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const called = await chat.chat.completions.stream({ ...asked, tools }).finalChatCompletion();
must(called.choices[0].message.tool_calls.length === 2, "two tool calls");
show("chat stream with tools", called);

const claude = new Anthropic({ baseURL: base, apiKey: "caller-key", maxRetries: 0 });
const request = { model: "claude-sonnet-4-6", max_tokens: 100, messages };
show("messages", await claude.messages.create(request));
show("messages stream", await claude.messages.stream(request).finalMessage());
const used = await claude.messages.stream({ ...request, tools: [{ name: "weather", input_schema: parameters }] }).finalMessage();
must(used.content.filter((block) => block.type === "tool_use").length === 2, "two tool uses");
show("messages stream with tools", used);

const weather = tool({ description: "the weather", inputSchema: z.object({ city: z.string() }) });
for (const [name, model] of [
  ["ai openai", createOpenAI({ baseURL: base + "/v1", apiKey: "caller-key" }).chat("gpt-4o-mini")],
  ["ai anthropic", createAnthropic({ baseURL: base + "/v1", apiKey: "caller-key" })("claude-sonnet-4-6")],
]) {
  const plain = await generateText({ model, messages, maxRetries: 0 });
  show(name, [plain.text, plain.finishReason, plain.usage]);
  const stream = streamText({ model, messages, maxRetries: 0 });
  show(name + " stream", [await stream.text, await stream.finishReason, await stream.usage]);
  const toolStream = streamText({ model, messages, maxRetries: 0, tools: { weather } });
  const calls = (await toolStream.toolCalls).map((call) => [call.toolCallId, call.toolName, call.input]);
  must(calls.length === 2, "two tool calls through the AI SDK");
  show(name + " stream with tools", [calls, await toolStream.finishReason]);
}
