"""The official Python SDKs against upstreams of every dialect; prints one JSON line a call.

Each line is what the SDK made of the answer, in one form for all of them. The second turn sends the
first one's answer back as it came, with the results of its tools.
"""

import json
import sys

import anthropic
import openai

base, upstreams = sys.argv[1], sys.argv[2:]
chat = openai.OpenAI(base_url=f"{base}/v1", api_key="caller-key", max_retries=0)
claude = anthropic.Anthropic(base_url=base, api_key="caller-key", max_retries=0)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URL = f"data:image/png;base64,{PIXEL}"
ASK = "What is the weather in Paris and Tokyo?"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
RESULTS = {"call_a": "18 degrees", "call_b": "21 degrees"}


def show(caller, upstream, what, text, reasoning, calls, finish, usage):
    line = {"caller": caller, "upstream": upstream, "what": what, "text": text, "reasoning": reasoning,
            "calls": calls, "finish": finish, "usage": usage}
    print(json.dumps(line, sort_keys=True), flush=True)


def chat_turns(upstream):
    tools = [{"type": "function", "function": {"name": "weather", "description": "the weather", "parameters": PARAMETERS}}]
    content = [{"type": "text", "text": ASK}, {"type": "image_url", "image_url": {"url": URL}}]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
    asked = {"model": upstream, "tools": tools, "max_completion_tokens": 4000, "reasoning_effort": "low"}

    def tell(what, completion):
        message, usage = completion.choices[0].message, completion.usage
        calls = [[c.id, c.function.name, json.loads(c.function.arguments)] for c in message.tool_calls]
        reasoning = (message.model_extra or {}).get("reasoning_content")
        cached = usage.prompt_tokens_details.cached_tokens
        show("chat", upstream, what, message.content, reasoning, calls, completion.choices[0].finish_reason,
             [usage.prompt_tokens, usage.completion_tokens, cached])
        return message.to_dict(mode="json")

    tell("plain", chat.chat.completions.create(messages=messages, **asked))
    with chat.chat.completions.stream(messages=messages, stream_options={"include_usage": True}, **asked) as stream:
        said = tell("stream", stream.get_final_completion())
    said = {key: value for key, value in said.items() if key not in ("parsed",) and value is not None}
    for call in said["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    messages.append(said)
    messages += [{"role": "tool", "tool_call_id": id, "content": text} for id, text in RESULTS.items()]
    tell("second turn", chat.chat.completions.create(messages=messages, **asked))


def responses_turns(upstream):
    tools = [{"type": "function", "name": "weather", "description": "the weather", "parameters": PARAMETERS, "strict": False}]
    content = [{"type": "input_text", "text": ASK}, {"type": "input_image", "image_url": URL, "detail": "auto"}]
    items = [{"role": "user", "content": content}]
    asked = {"model": upstream, "tools": tools, "instructions": "Be brief.", "max_output_tokens": 4000, "store": False,
             "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}

    def tell(what, response):
        calls = [[i.call_id, i.name, json.loads(i.arguments)] for i in response.output if i.type == "function_call"]
        thoughts = [part.text for i in response.output if i.type == "reasoning" for part in i.summary]
        usage = response.usage
        show("responses", upstream, what, response.output_text, "".join(thoughts), calls, response.status,
             [usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens])
        return [item.to_dict(mode="json") for item in response.output]

    tell("plain", chat.responses.create(input=items, **asked))
    with chat.responses.stream(input=items, **asked) as stream:
        said = tell("stream", stream.get_final_response())
    for item in said:
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    items += said
    items += [{"type": "function_call_output", "call_id": id, "output": text} for id, text in RESULTS.items()]
    tell("second turn", chat.responses.create(input=items, **asked))


def messages_turns(upstream):
    tools = [{"name": "weather", "description": "the weather", "input_schema": PARAMETERS}]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    messages = [{"role": "user", "content": [{"type": "text", "text": ASK}, image]}]
    asked = {"model": upstream, "tools": tools, "system": "Be brief.", "max_tokens": 4000,
             "thinking": {"type": "enabled", "budget_tokens": 1024}}

    def tell(what, message):
        text = "".join(block.text for block in message.content if block.type == "text")
        thoughts = "".join(block.thinking for block in message.content if block.type == "thinking")
        calls = [[b.id, b.name, b.input] for b in message.content if b.type == "tool_use"]
        usage = message.usage
        cached = usage.cache_read_input_tokens or 0
        written = usage.cache_creation_input_tokens or 0
        show("messages", upstream, what, text, thoughts, calls, message.stop_reason,
             [usage.input_tokens + cached + written, usage.output_tokens, cached])
        return [block.to_dict(mode="json") for block in message.content]

    tell("plain", claude.messages.create(messages=messages, **asked))
    with claude.messages.stream(messages=messages, **asked) as stream:
        said = tell("stream", stream.get_final_message())
    messages.append({"role": "assistant", "content": said})
    results = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in RESULTS.items()]
    messages.append({"role": "user", "content": results})
    tell("second turn", claude.messages.create(messages=messages, **asked))


for upstream in upstreams:
    for turns in (chat_turns, responses_turns, messages_turns):
        turns(upstream)
