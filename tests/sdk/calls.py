"""Calls of the official Python SDKs against a base URL; prints one JSON line a call."""

import json
import sys

import anthropic
import openai

base = sys.argv[1]
chat = openai.OpenAI(base_url=f"{base}/v1", api_key="caller-key", max_retries=0)
claude = anthropic.Anthropic(base_url=base, api_key="caller-key", max_retries=0)
messages = [{"role": "user", "content": "What is the weather in Paris and Tokyo?"}]
parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
chat_tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
claude_tools = [{"name": "weather", "input_schema": parameters}]


def show(what, result):
    print(json.dumps({"what": what, "result": result.to_dict(mode="json")}, sort_keys=True), flush=True)


show("chat", chat.chat.completions.create(model="gpt-4o-mini", messages=messages))
with chat.chat.completions.stream(model="gpt-4o-mini", messages=messages, stream_options={"include_usage": True}) as stream:
    show("chat stream", stream.get_final_completion())
with chat.chat.completions.stream(model="gpt-4o-mini", messages=messages, tools=chat_tools) as stream:
    final = stream.get_final_completion()
    assert len(final.choices[0].message.tool_calls) == 2, final
    show("chat stream with tools", final)

asked = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": messages}
show("messages", claude.messages.create(**asked))
with claude.messages.stream(**asked) as stream:
    show("messages stream", stream.get_final_message())
with claude.messages.stream(**asked, tools=claude_tools) as stream:
    final = stream.get_final_message()
    assert sum(block.type == "tool_use" for block in final.content) == 2, final
    show("messages stream with tools", final)
