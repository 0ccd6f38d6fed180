//! The demo's sample calls, by the plainest of clients.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Failure;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// One sample call.
pub(super) struct Sample {
    pub(super) title: &'static str,
    /// The trace that the call begins, so that its spans can be found.
    pub(super) trace_id: String,
    path: &'static str,
    headers: &'static str,
    body: Value,
}

impl Sample {
    /// All of them, in the order in which they are sent.
    pub(super) fn all() -> Vec<Self> {
        let weather = json!({ "type": "function", "function": { "name": "get_weather", "parameters": {
            "type": "object", "properties": { "city": { "type": "string" }, "unit": { "type": "string" } },
        } } });
        let asks = |text: &str| json!([{ "role": "user", "content": text }]);
        vec![
            Self::new(
                "a chat completion",
                "/v1/chat/completions",
                "x-to11-session-id: demo\r\n",
                json!({ "model": "gpt-4o-mini", "messages": asks("Weather in Paris and Tokyo?"), "temperature": 0.2 }),
            ),
            Self::new(
                "a stream with two parallel tool calls",
                "/v1/chat/completions",
                "x-to11-session-id: demo\r\nx-to11-user-id: ada\r\n",
                json!({ "model": "gpt-4o-mini", "stream": true, "tools": [weather],
                    "messages": asks("Weather in Paris and Tokyo?") }),
            ),
            Self::new(
                "a fail-over: the first target is overloaded, the second one answers",
                "/v1/chat/completions",
                "x-to11-session-id: demo\r\n",
                json!({ "model": "gpt-4o", "stream": true, "messages": asks("Weather in Paris and Tokyo?") }),
            ),
            Self::new(
                "a stream in the Messages API, with reasoning",
                "/v1/messages",
                "anthropic-version: 2023-06-01\r\nx-to11-session-id: demo\r\nx-to11-context-operation: retrieval\r\n\
                 x-to11-context-retrieval-source: handbook\r\nx-to11-context-retrieval-duration-ms: 80\r\n",
                json!({ "model": "claude-sonnet-4-6", "max_tokens": 200, "stream": true,
                    "messages": asks("What does a tollgate do?") }),
            ),
        ]
    }

    fn new(title: &'static str, path: &'static str, headers: &'static str, body: Value) -> Self {
        let trace_id = format!("{:032x}", fastrand::u128(1..));
        Self { title, trace_id, path, headers, body }
    }

    /// Sends it and reads the answer to its end.
    pub(super) fn send(&self, gateway: SocketAddr) -> Result<(), Failure> {
        let answer = self.exchange(gateway)?;
        let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if status == b"200" {
            return Ok(());
        }
        let text: String = String::from_utf8_lossy(&answer).chars().take(400).collect();
        Err(Failure::failed(format!("{}: the gateway answered\n{text}", self.title)))
    }

    fn exchange(&self, gateway: SocketAddr) -> io::Result<Vec<u8>> {
        let body = self.body.to_string();
        let span = fastrand::u64(1..);
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {gateway}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\ntraceparent: 00-{}-{span:016x}-01\r\n{}connection: close\r\n\r\n",
            self.path,
            body.len(),
            self.trace_id,
            self.headers,
        );
        let mut stream = TcpStream::connect(gateway)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}
