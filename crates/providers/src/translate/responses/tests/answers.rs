//! What callers are answered.

use serde_json::Value;

use super::super::EventWriter;
use super::reply;
use crate::body::read_body;
use crate::event::{Opaque, StreamEvent};
use crate::fixtures::sse;
use crate::provider::Dialect;
use crate::translate::answer::BLOCK_BYTES;
use crate::translate::blocks::{Kind, Step};
use crate::translate::finish::Finish;
use crate::translate::sealed::Sealed;
use crate::translate::{WriteError, Writer};
use crate::{StreamReader, Transcript};

/// A chat completion's chunk.
pub(super) fn chunk(delta: &str, reason: &str) -> String {
    let reason = if reason.is_empty() { "null".to_owned() } else { format!("{reason:?}") };
    format!(
        r#"{{"id":"a1","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}"#
    )
}

const USAGE: &str = r#"{"id":"a1","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#;

pub(super) fn call(index: u32, id: &str, arguments: &str) -> String {
    let opening =
        if id.is_empty() { String::new() } else { format!(r#""id":{id:?},"type":"function","#) };
    let name = if id.is_empty() { String::new() } else { format!(r#""name":"f_{id}","#) };
    chunk(
        &format!(
            r#"{{"tool_calls":[{{"index":{index},{opening}"function":{{{name}"arguments":{arguments:?}}}}}]}}"#
        ),
        "",
    )
}

/// The stream, and how writing it ended.
pub(super) fn translated(stream: &str, mut writer: Writer) -> (String, Result<(), WriteError>) {
    let mut out = Vec::new();
    let mut reader = StreamReader::new(Dialect::Chat);
    let mut sink = |event: StreamEvent<'_>| writer.on_event(&event, &mut out);
    reader.feed(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    let end = writer.on_end(&mut out);
    (String::from_utf8(out).unwrap(), end)
}

pub(super) fn streamed(chunks: &[String]) -> String {
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    translated(&sse(&chunks), Writer::events(Dialect::Responses, reply())).0
}

pub(super) fn datas(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

pub(super) fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| e["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

fn folded(dialect: Dialect, stream: &str) -> Transcript {
    let mut transcript = Transcript::new(1024 * 1024);
    let mut reader = StreamReader::new(dialect);
    let mut sink = |event: StreamEvent<'_>| transcript.on_event(&event);
    reader.feed(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    transcript
}

/// Everything that a conversation may hold, each as the chunks of an upstream.
pub(super) fn conversations() -> Vec<(&'static str, Vec<String>)> {
    let text = |text: &str| chunk(&format!(r#"{{"content":{text:?}}}"#), "");
    let end = |reason: &str| [chunk("{}", reason), USAGE.to_owned(), "[DONE]".to_owned()];
    let with = |mut chunks: Vec<String>, reason: &str| {
        chunks.extend(end(reason));
        chunks
    };
    vec![
        ("text", with(vec![text("Hel"), text("lo \"you\"")], "stop")),
        (
            "reasoning",
            with(
                vec![
                    chunk(r#"{"reasoning":"h"}"#, ""),
                    chunk(
                        r#"{"reasoning_details":[{"type":"reasoning.text","text":"m","format":"anthropic-claude-v1","signature":"sig"}],"reasoning":"m"}"#,
                        "",
                    ),
                    chunk(
                        r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"enc","format":"openai-responses-v1","id":"rs_up"}]}"#,
                        "",
                    ),
                    text("so"),
                ],
                "stop",
            ),
        ),
        (
            "calls in turns",
            with(
                vec![
                    call(0, "a", ""),
                    call(1, "b", ""),
                    call(2, "c", "{"),
                    call(0, "", "{\"x\":"),
                    call(1, "", "{\"y\":2}"),
                    call(0, "", "1}"),
                    call(2, "", "}"),
                ],
                "tool_calls",
            ),
        ),
        (
            "calls one by one",
            with(
                vec![text("both"), call(0, "a", "{\"x\":1}"), call(1, "b", "{\"y\":[]}")],
                "tool_calls",
            ),
        ),
        ("refusal", with(vec![chunk(r#"{"refusal":"no"}"#, "")], "stop")),
        ("length", with(vec![text("and then")], "length")),
        ("filter", with(vec![text("I")], "content_filter")),
        ("nothing", with(Vec::new(), "stop")),
    ]
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    for (name, chunks) in conversations() {
        let written = streamed(&chunks);
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let (theirs, ours) =
            (folded(Dialect::Chat, &sse(&chunks)), folded(Dialect::Responses, &written));
        assert_eq!(ours.id(), theirs.id(), "{name}");
        assert_eq!(ours.model(), theirs.model(), "{name}");
        assert_eq!(ours.text(), theirs.text(), "{name}");
        assert_eq!(ours.reasoning(), theirs.reasoning(), "{name}");
        assert_eq!(ours.refusal(), theirs.refusal(), "{name}");
        assert_eq!(ours.tool_calls(), theirs.tool_calls(), "{name}");
        let total = |transcript: &Transcript| {
            let usage = transcript.usage().unwrap();
            (usage.input_total(), usage.output_total(), usage.cache_read, usage.reasoning)
        };
        assert_eq!(total(&ours), total(&theirs), "{name}");
        assert!(ours.is_done() && ours.error().is_none(), "{name}");
    }
}

#[test]
fn a_plain_answer_is_the_last_event_of_a_stream() {
    for (name, chunks) in conversations() {
        let events = datas(&streamed(&chunks));
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let (whole, end) = translated(&sse(&chunks), Writer::whole(Dialect::Responses, reply()));
        assert_eq!(end, Ok(()));
        let whole: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(whole, events.last().unwrap()["response"], "{name}");
        let done: Vec<&Value> =
            events.iter().filter(|e| e["type"] == "response.output_item.done").collect();
        let items: Vec<&Value> = done.iter().map(|event| &event["item"]).collect();
        assert_eq!(whole["output"].as_array().unwrap().iter().collect::<Vec<_>>(), items, "{name}");
    }
}

#[test]
fn each_kind_of_item_has_its_own_events() {
    let of = |wanted: &str| {
        let (_, chunks) = conversations().into_iter().find(|(name, _)| *name == wanted).unwrap();
        datas(&streamed(&chunks))
    };
    assert_eq!(
        kinds(&of("text"))[2..],
        [
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    assert_eq!(
        kinds(&of("refusal"))[2..],
        [
            "output_item.added",
            "content_part.added",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    let reasoning = of("reasoning");
    assert_eq!(
        kinds(&reasoning)[2..11],
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "output_item.done",
        ]
    );
    let sealed = |at: usize| {
        Sealed::from_tagged(reasoning[at]["item"]["encrypted_content"].as_str().unwrap()).unwrap()
    };
    assert!(sealed(8).is(Opaque::ANTHROPIC) && sealed(8).signs && sealed(8).data == "sig");
    assert_eq!((sealed(10).id.as_str(), sealed(10).data.as_str()), ("rs_up", "enc"));
    let length = of("length");
    let last = length.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(
        of("filter").last().unwrap()["response"]["incomplete_details"]["reason"],
        "content_filter"
    );
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let mut out = Vec::new();
    let mut writer = EventWriter::new(reply());
    let kind = Kind::ToolCall { id: "c".into(), name: "f".into() };
    for step in [
        Step::Begin { id: "", model: "", usage: None },
        Step::Open { index: 0, kind: &kind },
        Step::Close { index: 0, kind: &kind },
        Step::End { finish: Finish::ToolCalls, usage: None },
    ] {
        writer.write(&step, &mut out);
    }
    let events = datas(&String::from_utf8(out).unwrap());
    let response = &events.last().unwrap()["response"];
    assert_eq!((&response["id"], &response["model"]), (&"req_1".into(), &"asked".into()));
    let item = &response["output"][0];
    assert_eq!((&item["arguments"], &item["call_id"]), (&"{}".into(), &"c".into()));
    assert_eq!(events[3]["delta"], "{}");
    assert_eq!(events[4]["arguments"], "{}");
}

#[test]
fn the_apis_own_reasoning_is_given_raw_where_no_other_id_is_tied_to_it() {
    let item = |id: &str| {
        let sealed = Sealed {
            format: Opaque::RESPONSES.into(),
            signs: true,
            id: id.into(),
            data: "enc".into(),
        };
        let (mut out, mut writer) = (Vec::new(), EventWriter::new(reply()));
        for step in [
            Step::Begin { id: "a", model: "", usage: None },
            Step::Open { index: 0, kind: &Kind::Reasoning },
            Step::Sealed { index: 0, sealed: &sealed },
            Step::Close { index: 0, kind: &Kind::Reasoning },
        ] {
            writer.write(&step, &mut out);
        }
        let events = datas(&String::from_utf8(out).unwrap());
        events.last().unwrap()["item"]["encrypted_content"].as_str().unwrap().to_owned()
    };
    assert_eq!(item(""), "enc");
    assert_eq!(item("rs_a_0"), "enc");
    assert_eq!(Sealed::from_tagged(&item("rs_other")).unwrap().id, "rs_other");
}

#[test]
fn an_error_continues_the_numbers_and_fails_the_response() {
    let text = chunk(r#"{"content":"a"}"#, "");
    let error = r#"{"error":{"message":"out of order","type":"rate_limit_error","code":"rate_limit_exceeded"}}"#.to_owned();
    let stream = streamed(&[text.clone(), error.clone(), text.clone()]);
    let events = datas(&stream);
    assert_eq!(kinds(&events)[5..], ["error", "failed"]);
    assert_eq!(
        (&events[5]["sequence_number"], &events[6]["sequence_number"]),
        (&5.into(), &6.into())
    );
    assert_eq!(events[5]["error"]["message"], "out of order");
    let failed = &events[6]["response"]["error"];
    assert_eq!(
        (&failed["message"], &failed["code"]),
        (&"out of order".into(), &"rate_limit_exceeded".into())
    );
    assert_eq!(events[6]["response"]["output"][0]["content"][0]["text"], "a");
    assert!(folded(Dialect::Responses, &stream).error().is_some());
    let events = datas(&streamed(&[error]));
    assert_eq!(kinds(&events), ["error"], "nothing has begun that could fail");
    let inside =
        r#"{"error":{"message":"host 10.0.0.1 is down","type":"server_error"}}"#.to_owned();
    let stream = streamed(&[text.clone(), inside]);
    assert!(!stream.contains("10.0.0.1"), "what goes wrong inside a provider stays there");
    assert_eq!(datas(&stream)[6]["response"]["error"]["code"], "server_error");
    // Cut: there is no end.
    let (stream, end) = translated(&sse(&[&text]), Writer::events(Dialect::Responses, reply()));
    assert_eq!(end, Err(WriteError::Broken));
    assert_eq!(kinds(&datas(&stream))[5..], ["error", "failed"]);
}

#[test]
fn an_answer_longer_than_what_is_kept_ends_with_an_error() {
    const BYTES_MAX: usize = BLOCK_BYTES + 8;
    let said = |bytes: usize| {
        let (mut out, mut writer) = (Vec::new(), EventWriter::limited(reply(), BYTES_MAX));
        let text = "x".repeat(bytes - BLOCK_BYTES - 1);
        for step in [
            Step::Begin { id: "a", model: "", usage: None },
            Step::Open { index: 0, kind: &Kind::Text },
            Step::Delta { index: 0, kind: &Kind::Text, text: &text },
            Step::Delta { index: 0, kind: &Kind::Text, text: "y" },
            Step::Close { index: 0, kind: &Kind::Text },
            Step::End { finish: Finish::Stop, usage: None },
        ] {
            writer.write(&step, &mut out);
        }
        let events = datas(&String::from_utf8(out).unwrap());
        kinds(&events).last().map(|kind| (*kind).to_owned())
    };
    assert_eq!(said(BYTES_MAX).as_deref(), Some("completed"));
    assert_eq!(said(BYTES_MAX + 1).as_deref(), Some("failed"));
}

#[test]
fn empty_calls_count_towards_the_limit() {
    let kind = Kind::ToolCall { id: "c".into(), name: "f".into() };
    let ended = |calls: u32| {
        let bytes_max = 2 * (BLOCK_BYTES + "cf".len());
        let (mut out, mut writer) = (Vec::new(), EventWriter::limited(reply(), bytes_max));
        writer.write(&Step::Begin { id: "a", model: "", usage: None }, &mut out);
        for index in 0..calls {
            writer.write(&Step::Open { index, kind: &kind }, &mut out);
            writer.write(&Step::Close { index, kind: &kind }, &mut out);
        }
        writer.write(&Step::End { finish: Finish::ToolCalls, usage: None }, &mut out);
        let events = datas(&String::from_utf8(out).unwrap());
        events.last().unwrap()["response"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((ended(2).as_str(), ended(3).as_str()), ("completed", "failed"));
}

#[test]
fn a_written_body_reads_back_as_it_was() {
    for (name, chunks) in conversations() {
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let stream = sse(&chunks);
        let (whole, _) = translated(&stream, Writer::whole(Dialect::Responses, reply()));
        let mut ours = Transcript::new(1024 * 1024);
        let mut sink = |event: StreamEvent<'_>| ours.on_event(&event);
        read_body(Dialect::Responses, whole.as_bytes(), &mut sink).unwrap();
        let theirs = folded(Dialect::Chat, &stream);
        assert_eq!(ours.text(), theirs.text(), "{name}");
        assert_eq!(ours.reasoning(), theirs.reasoning(), "{name}");
        assert_eq!(ours.refusal(), theirs.refusal(), "{name}");
        assert_eq!(ours.tool_calls(), theirs.tool_calls(), "{name}");
    }
}
