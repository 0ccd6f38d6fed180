// Streams under output guardrails, as the official Node SDKs read them; prints one JSON line a call.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.TOLLGATE_SDK_DIR + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: OpenAI } = await load("openai");
const { default: Anthropic } = await load("@anthropic-ai/sdk");

const [base, what] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: base + "/v1", apiKey: "caller-key", maxRetries: 0 });
const claude = new Anthropic({ baseURL: base, apiKey: "caller-key", maxRetries: 0 });
const messages = [{ role: "user", content: "hi" }];

const calls = [
  async () => {
    const stream = openai.chat.completions.stream({ model: "chat", messages });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    return { text: message.content, arguments: message.tool_calls[0].function.arguments };
  },
  async () => {
    const response = await openai.responses.stream({ model: "responses", input: "hi" }).finalResponse();
    const call = response.output.find((item) => item.type === "function_call");
    return { text: response.output_text, arguments: call.arguments };
  },
  async () => {
    const asked = { model: "messages", max_tokens: 99, messages };
    const { content } = await claude.messages.stream(asked).finalMessage();
    const text = content.find((block) => block.type === "text").text;
    return { text, arguments: content.find((block) => block.type === "tool_use").input };
  },
];

for (const call of calls) {
  let line;
  try {
    line = await call();
  } catch (error) {
    if (what === "redacted") throw error;
    line = { error: String(error.message) };
  }
  console.log(JSON.stringify(line));
}
