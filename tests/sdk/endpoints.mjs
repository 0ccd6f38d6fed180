// Calls of the endpoints that are no chat by the official Node SDK and the Vercel AI SDK; prints one JSON line a call.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.TOLLGATE_SDK_DIR + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: OpenAI, toFile } = await load("openai");
const ai = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");

const base = process.argv[2];
const show = (what, result) => console.log(JSON.stringify({ what, result }));
const must = (condition, what) => { if (!condition) throw new Error(what); };
const digest = (bytes) => [bytes.byteLength, createHash("sha256").update(new Uint8Array(bytes)).digest("hex")];
const all = async (stream) => { const events = []; for await (const event of stream) events.push(event); return events; };
const audio = Buffer.concat(Array(50_000).fill(Buffer.from("ID3\r\n--\0\xff", "latin1")));

const client = new OpenAI({ baseURL: base + "/v1", apiKey: "caller-key", maxRetries: 0 });
show("embeddings", await client.embeddings.create({ model: "embed-small", input: ["one two", "three"] }));
show("image", await client.images.generate({ model: "gpt-image-1", prompt: "a cat" }));
show("image stream", await all(await client.images.generate({ model: "gpt-image-1", prompt: "a cat", stream: true, partial_images: 2 })));
const speech = await client.audio.speech.create({ model: "gpt-4o-mini-tts", voice: "alloy", input: "Say it." });
show("speech", digest(await speech.arrayBuffer()));
const file = () => toFile(audio, "a.mp3", { type: "audio/mpeg" });
show("transcription", await client.audio.transcriptions.create({ model: "whisper-1", file: await file() }));
const pieces = await all(await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file: await file(), stream: true }));
must(pieces.at(-1).type === "transcript.text.done", "a transcript ends");
show("transcription stream", pieces);

const stored = await client.files.create({ file: await toFile(audio, "b.bin"), purpose: "batch" });
show("upload", stored);
show("list", (await client.files.list({ purpose: "batch" })).data);
show("content", digest(await (await client.files.content(stored.id)).arrayBuffer()));
show("delete", await client.files.delete(stored.id));

const provider = createOpenAI({ baseURL: base + "/v1", apiKey: "caller-key" });
const { embedding, usage } = await ai.embed({ model: provider.textEmbeddingModel("embed-small"), value: "one two", maxRetries: 0 });
show("ai embed", [embedding, usage]);
const { text } = await ai.experimental_transcribe({ model: provider.transcription("whisper-1"), audio, maxRetries: 0 });
show("ai transcribe", text);
const { image } = await ai.experimental_generateImage({ model: provider.image("gpt-image-1"), prompt: "a cat", maxRetries: 0 });
show("ai image", digest(image.uint8Array));
const said = await ai.experimental_generateSpeech({ model: provider.speech("gpt-4o-mini-tts"), text: "Say it.", maxRetries: 0 });
show("ai speech", digest(said.audio.uint8Array));
