//! A failure inside a stream, in the words of a caller of another dialect.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use tollgate_providers::translate::{Reply, WriteError, Writer};
use tollgate_providers::{Dialect, StreamReader};

const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];

fn reply() -> Reply {
    Reply { request_id: "r-1".to_owned(), model: "m".to_owned(), created: 1, include_usage: false }
}

/// What a caller is sent of an upstream's stream.
fn translated(upstream: Dialect, caller: Dialect, stream: &str) -> String {
    let (mut out, mut writer) = (Vec::new(), Writer::events(caller, reply()));
    let mut reader = StreamReader::new(upstream);
    reader.feed(stream.as_bytes(), &mut |event| writer.on_event(&event, &mut out));
    reader.finish(&mut |event| writer.on_event(&event, &mut out));
    let _broken = writer.on_end(&mut out);
    String::from_utf8(out).unwrap()
}

/// The error of the last event, and the whole of the last event's data.
fn last_error(caller: Dialect, stream: &str) -> (Value, Value) {
    let mut events = stream.trim_end().rsplit("\n\n");
    let mut event = events.next().unwrap();
    // The Responses API tells of the failure twice: for SDKs, and as the response's end.
    if event.starts_with("event: response.failed") {
        event = events.next().unwrap();
    }
    let named = event.lines().any(|line| line == "event: error");
    assert_eq!(named, caller != Dialect::Chat, "SDKs of this API raise on it: {event}");
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    (data.pointer("/error").unwrap().clone(), data)
}

const ANTHROPIC: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"a\",\"model\":\"m\"}}\n\n",
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"shard 7 is full\"}}\n\n",
);
const GROQ: &str = "event: error\ndata: {\"error\":{\"message\":\"too fast\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}\n\n";
const OPENROUTER: &str = concat!(
    "data: {\"id\":\"o\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}],",
    "\"error\":{\"code\":502,\"message\":\"10.1.2.3 refused\"},\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0}}\n\n",
    "data: [DONE]\n\n",
);
const RESPONSES: &str = concat!(
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n",
    "data: {\"type\":\"error\",\"code\":\"insufficient_quota\",\"message\":\"no more\",\"param\":null,\"sequence_number\":1}\n\n",
    "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"status\":\"failed\",\"usage\":null}}\n\n",
);

#[test]
fn each_providers_failure_becomes_the_callers_error_of_the_same_kind() {
    for (upstream, stream, openai, anthropic, message) in [
        (
            Dialect::Messages,
            ANTHROPIC,
            "server_error",
            "overloaded_error",
            "provider returned status 529",
        ),
        (Dialect::Chat, GROQ, "rate_limit_error", "rate_limit_error", "too fast"),
        (Dialect::Chat, OPENROUTER, "server_error", "api_error", "provider returned status 502"),
        (Dialect::Responses, RESPONSES, "insufficient_quota", "billing_error", "no more"),
    ] {
        for caller in CALLERS.into_iter().filter(|caller| *caller != upstream) {
            let out = translated(upstream, caller, stream);
            let (error, whole) = last_error(caller, &out);
            let kind = if caller == Dialect::Messages { anthropic } else { openai };
            assert_eq!(error.get("type").unwrap(), kind, "{upstream:?} to {caller:?}: {out}");
            assert_eq!(error.get("message").unwrap(), message, "{upstream:?} to {caller:?}");
            assert!(!out.contains("shard") && !out.contains("10.1.2.3"), "{out}");
            let failed = usize::from(out.contains("event: response.failed"));
            assert_eq!(out.matches("\"error\":{").count(), 1 + failed, "told once: {out}");
            if caller == Dialect::Messages {
                assert_eq!(whole.get("request_id").unwrap(), "r-1");
            }
        }
    }
}

#[test]
fn a_stream_that_breaks_off_is_an_error_and_no_end() {
    let cut =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hal\"}}]}\n\n";
    for caller in CALLERS {
        let out = translated(Dialect::Chat, caller, cut);
        let (error, _) = last_error(caller, &out);
        assert!(error.get("message").unwrap().as_str().unwrap().contains("broke off"), "{out}");
        for end in ["[DONE]", "message_stop", "response.completed", "finish_reason\":\"stop"] {
            assert!(!out.contains(end), "{out}");
        }
    }
}

#[test]
fn a_failure_in_place_of_a_plain_answer_says_what_may_be_said() {
    let body = br#"{"error":{"code":502,"message":"10.1.2.3 refused"}}"#;
    let throttled = br#"{"error":{"code":429,"message":"key sk-abcdef0123456789 is too fast"}}"#;
    for (body, expected) in
        [(&body[..], "provider returned status 502"), (&throttled[..], "key *** is too fast")]
    {
        let (mut out, mut writer) = (Vec::new(), Writer::whole(Dialect::Messages, reply()));
        tollgate_providers::body::read_body(Dialect::Chat, body, &mut |event| {
            writer.on_event(&event, &mut out);
        })
        .unwrap();
        assert_eq!(writer.on_end(&mut out), Err(WriteError::Failed(expected.to_owned())));
    }
}
