"""Streams under output guardrails, as the official Python SDKs read them; prints one JSON line a call."""

import json
import sys

import anthropic
import openai

base, what = sys.argv[1], sys.argv[2]
chat = openai.OpenAI(base_url=f"{base}/v1", api_key="caller-key", max_retries=0)
claude = anthropic.Anthropic(base_url=base, api_key="caller-key", max_retries=0)
messages = [{"role": "user", "content": "hi"}]


def chat_stream():
    with chat.chat.completions.stream(model="chat", messages=messages) as stream:
        message = stream.get_final_completion().choices[0].message
    return message.content, message.tool_calls[0].function.arguments


def responses_stream():
    with chat.responses.stream(model="responses", input="hi") as stream:
        response = stream.get_final_response()
    call = next(item for item in response.output if item.type == "function_call")
    return response.output_text, call.arguments


def messages_stream():
    with claude.messages.stream(model="messages", max_tokens=99, messages=messages) as stream:
        message = stream.get_final_message()
    text = next(block.text for block in message.content if block.type == "text")
    return text, next(block.input for block in message.content if block.type == "tool_use")


for call in (chat_stream, responses_stream, messages_stream):
    try:
        text, arguments = call()
        line = {"text": text, "arguments": arguments}
    except (openai.APIError, anthropic.APIError) as error:
        if what == "redacted":
            raise
        line = {"error": str(error)}
    print(json.dumps(line), flush=True)
