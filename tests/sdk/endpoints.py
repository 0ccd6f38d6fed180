"""Calls of the endpoints that are no chat by the official Python SDKs; prints one JSON line a call."""

import hashlib
import json
import sys

import anthropic
import openai

base = sys.argv[1]
client = openai.OpenAI(base_url=f"{base}/v1", api_key="caller-key", max_retries=0)
claude = anthropic.Anthropic(base_url=base, api_key="caller-key", max_retries=0)
audio = ("a \"b\".mp3", b"ID3\r\n--\x00\xff" * 50_000, "audio/mpeg")


def show(what, result):
    print(json.dumps({"what": what, "result": result}, sort_keys=True), flush=True)


def digest(content):
    return [len(content), hashlib.sha256(content).hexdigest()]


vectors = client.embeddings.create(model="embed-small", input=["one two", "three"])
assert len(vectors.data[0].embedding) == 8, vectors
show("embeddings", vectors.to_dict(mode="json"))
image = client.images.generate(model="gpt-image-1", prompt="a cat")
show("image", image.to_dict(mode="json"))
events = [event.to_dict(mode="json") for event in client.images.generate(model="gpt-image-1", prompt="a cat", stream=True, partial_images=2)]
assert events[-1]["type"] == "image_generation.completed", events
show("image stream", events)
show("speech", digest(client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="Say it.").content))
with client.audio.speech.with_streaming_response.create(model="gpt-4o-mini-tts", voice="alloy", input="Say it.", stream_format="sse") as speech:
    show("speech events", digest(speech.read()))
show("transcription", client.audio.transcriptions.create(model="whisper-1", file=audio).to_dict(mode="json"))
show("transcription as text", client.audio.transcriptions.create(model="whisper-1", file=audio, response_format="text"))
pieces = [event.to_dict(mode="json") for event in client.audio.transcriptions.create(model="gpt-4o-transcribe", file=audio, stream=True)]
assert pieces[-1]["type"] == "transcript.text.done", pieces
show("transcription stream", pieces)

file = client.files.create(file=("b.jsonl", b"{}\r\n" * 500_000), purpose="batch")
show("upload", file.to_dict(mode="json"))
show("list", [one.to_dict(mode="json") for one in client.files.list(purpose="batch")])
show("get", client.files.retrieve(file.id).to_dict(mode="json"))
show("content", digest(client.files.content(file.id).read()))
show("delete", client.files.delete(file.id).to_dict(mode="json"))
try:
    client.files.retrieve(file.id)
except openai.NotFoundError as error:
    show("gone", error.body)
show("count", claude.messages.count_tokens(model="claude-sonnet-4-6", messages=[{"role": "user", "content": "hi"}]).to_dict(mode="json"))
