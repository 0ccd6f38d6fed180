//! One answer as each dialect streams it: an opening, many pieces of text, an ending.

use bytes::Bytes;
use tollgate_providers::Dialect;

#[cfg(test)]
mod tests;

/// What one read from a socket gives at most, in bytes.
pub const READ_BYTES: usize = 16 * 1024;

/// One streamed answer.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What it is called in tables.
    pub name: &'static str,
    /// Who sends it.
    pub dialect: Dialect,
    /// The events, each with its end, in order.
    pub events: Vec<Bytes>,
    /// How many events come before the first piece.
    pub opening: usize,
    /// How many pieces there are.
    pub pieces: usize,
    /// Where the text stands in the JSON of a piece (RFC 6901).
    pub text_at: &'static str,
}

/// How a dialect says it, as the JSON of its events.
struct Wording {
    name: &'static str,
    dialect: Dialect,
    opening: &'static [&'static str],
    /// Around the text of a piece.
    piece: (&'static str, &'static str),
    text_at: &'static str,
    ending: &'static [&'static str],
    /// Whether each event is named on a line of its own.
    named: bool,
}

const CHAT: Wording = Wording {
    name: "chat",
    dialect: Dialect::Chat,
    opening: &[
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#,
    ],
    piece: (
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"content":""#,
        r#""},"logprobs":null,"finish_reason":null}]}"#,
    ),
    text_at: "/choices/0/delta/content",
    ending: &[
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1000,"total_tokens":1009}}"#,
        "[DONE]",
    ],
    named: false,
};

/// As an upstream sends it that was asked for usage: every piece says that it has none.
const CHAT_USAGE: Wording = Wording {
    name: "chat, usage asked for",
    piece: (CHAT.piece.0, r#""},"logprobs":null,"finish_reason":null}],"usage":null}"#),
    ..CHAT
};

const CHAT_TOOL: Wording = Wording {
    name: "chat, tool call",
    opening: &[
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"search","arguments":""}}]},"logprobs":null,"finish_reason":null}]}"#,
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"query\":\""}}]},"logprobs":null,"finish_reason":null}]}"#,
    ],
    piece: (
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":""#,
        r#""}}]},"logprobs":null,"finish_reason":null}]}"#,
    ),
    text_at: "/choices/0/delta/tool_calls/0/function/arguments",
    ending: &[
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"}"}}]},"logprobs":null,"finish_reason":null}]}"#,
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ],
    ..CHAT
};

const RESPONSES: Wording = Wording {
    name: "responses",
    dialect: Dialect::Responses,
    opening: &[
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"some-model","output":[]}}"#,
        r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
        r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"text":""}}"#,
    ],
    piece: (
        r#"{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":""#,
        r#"","logprobs":[]}"#,
    ),
    text_at: "/delta",
    ending: &[
        r#"{"type":"response.output_item.done","sequence_number":4,"output_index":0,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[]}}"#,
        r#"{"type":"response.completed","sequence_number":5,"response":{"id":"resp_1","object":"response","status":"completed","model":"some-model","output":[],"usage":{"input_tokens":9,"output_tokens":1000,"total_tokens":1009}}}"#,
    ],
    named: true,
};

const MESSAGES: Wording = Wording {
    name: "messages",
    dialect: Dialect::Messages,
    opening: &[
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"some-model","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    ],
    piece: (
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""#,
        r#""}}"#,
    ),
    text_at: "/delta/text",
    ending: &[
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1000}}"#,
        r#"{"type":"message_stop"}"#,
    ],
    named: true,
};

const COHERE: Wording = Wording {
    name: "cohere",
    dialect: Dialect::Cohere,
    opening: &[
        r#"{"id":"c-1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
        r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
    ],
    piece: (
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":""#,
        r#""}}}}"#,
    ),
    text_at: "/delta/message/content/text",
    ending: &[
        r#"{"type":"content-end","index":0}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":9,"output_tokens":1000}}}}"#,
    ],
    named: true,
};

const GEMINI: Wording = Wording {
    name: "gemini",
    dialect: Dialect::Gemini,
    opening: &[],
    piece: (
        r#"{"candidates":[{"content":{"parts":[{"text":""#,
        r#""}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"some-model","responseId":"r1"}"#,
    ),
    text_at: "/candidates/0/content/parts/0/text",
    ending: &[
        r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1000,"totalTokenCount":1009},"modelVersion":"some-model","responseId":"r1"}"#,
    ],
    named: false,
};

/// Every one, with this many pieces.
pub fn all(pieces: usize) -> Vec<Stream> {
    [CHAT, CHAT_USAGE, CHAT_TOOL, RESPONSES, MESSAGES, COHERE, GEMINI]
        .iter()
        .map(|wording| wording.stream(pieces))
        .collect()
}

// === impl Stream ===

impl Stream {
    /// A plain chat completion.
    pub fn chat(pieces: usize) -> Self {
        CHAT.stream(pieces)
    }

    /// The same of an upstream that was asked for usage.
    pub fn chat_usage(pieces: usize) -> Self {
        CHAT_USAGE.stream(pieces)
    }

    /// The pieces alone, each as one chunk.
    pub fn body(&self) -> &[Bytes] {
        self.events.get(self.opening..self.opening + self.pieces).unwrap_or_default()
    }

    /// What comes before the pieces.
    pub fn head(&self) -> &[Bytes] {
        self.events.get(..self.opening).unwrap_or_default()
    }

    /// All of it.
    pub fn bytes(&self) -> Bytes {
        self.events.concat().into()
    }

    /// All of it as full reads from a socket.
    pub fn reads(&self) -> Vec<Bytes> {
        cut(&self.bytes(), READ_BYTES)
    }
}

/// `bytes` in chunks of so many bytes, the last one shorter.
pub fn cut(bytes: &Bytes, chunk_bytes: usize) -> Vec<Bytes> {
    let starts = (0..bytes.len()).step_by(chunk_bytes.max(1));
    starts.map(|at| bytes.slice(at..bytes.len().min(at + chunk_bytes))).collect()
}

// === impl Wording ===

impl Wording {
    fn stream(&self, pieces: usize) -> Stream {
        let (before, after) = self.piece;
        let said = (0..pieces).map(|at| self.event(&format!("{before} word{at}{after}")));
        let opening = self.opening.iter().map(|data| self.event(data));
        let ending = self.ending.iter().map(|data| self.event(data));
        Stream {
            name: self.name,
            dialect: self.dialect,
            events: opening.chain(said).chain(ending).collect(),
            opening: self.opening.len(),
            pieces,
            text_at: self.text_at,
        }
    }

    fn event(&self, data: &str) -> Bytes {
        let name = data.split(r#""type":""#).nth(1).and_then(|rest| rest.split('"').next());
        match name.filter(|_| self.named) {
            Some(name) => format!("event: {name}\ndata: {data}\n\n").into(),
            None => format!("data: {data}\n\n").into(),
        }
    }
}
