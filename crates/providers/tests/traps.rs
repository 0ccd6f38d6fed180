//! What other gateways got wrong in reading streams, a test each: the numbers are those of the list
//! in `docs/traps.md`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_providers::catalog::ROWS;
use tollgate_providers::rewrite::{Rewrite, rewrite};
use tollgate_providers::translate::{Target, translate_request};
use tollgate_providers::{
    Capabilities, Cut, Dialect, Peek, StreamEvent, StreamReader, Transcript, inspect,
};

const CHAT: &str = concat!(
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Żółć \"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"日本 \"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"👩‍🚀 \\ud83e\\udd80\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
);
const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"c\",\"model\":\"m\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Żółć \"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"日本 \"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"👩‍🚀 \\ud83e\\udd80\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);
const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"c\",\"model\":\"m\"}}\n\n",
    "data: {\"type\":\"response.reasoning_text.delta\",\"output_index\":0,\"delta\":\"Żółć \"}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"日本 \"}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"👩‍🚀 \\ud83e\\udd80\"}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"c\",\"model\":\"m\",\"status\":\"completed\"}}\n\n",
);
const GEMINI: &str = concat!(
    "data: {\"responseId\":\"c\",\"modelVersion\":\"m\",\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Żółć \",\"thought\":true}]}}]}\n\n",
    "data: {\"candidates\":[{\"index\":0,\"content\":{\"parts\":[{\"text\":\"日本 \"}]}}]}\n\n",
    "data: {\"candidates\":[{\"index\":0,\"content\":{\"parts\":[{\"text\":\"👩‍🚀 \\ud83e\\udd80\"}]},\"finishReason\":\"STOP\"}]}\n\n",
);
const COHERE: &str = concat!(
    "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"c\",\"delta\":{\"message\":{\"role\":\"assistant\"}}}\n\n",
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"thinking\":\"Żółć \"}}}}\n\n",
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":1,\"delta\":{\"message\":{\"content\":{\"text\":\"日本 \"}}}}\n\n",
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":1,\"delta\":{\"message\":{\"content\":{\"text\":\"👩‍🚀 \\ud83e\\udd80\"}}}}\n\n",
    "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n",
);
const STREAMS: [(Dialect, &str); 5] = [
    (Dialect::Chat, CHAT),
    (Dialect::Messages, MESSAGES),
    (Dialect::Responses, RESPONSES),
    (Dialect::Gemini, GEMINI),
    (Dialect::Cohere, COHERE),
];

/// What a reader says of a stream that comes in these pieces.
fn read<'a>(dialect: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Transcript {
    let mut transcript = Transcript::new(usize::MAX);
    let mut sink = |event: StreamEvent<'_>| transcript.on_event(&event);
    let mut reader = StreamReader::new(dialect);
    for piece in pieces {
        reader.feed(piece, &mut sink);
    }
    reader.finish(&mut sink);
    transcript
}

fn chat(payloads: &[Value]) -> Transcript {
    let stream: String = payloads.iter().map(|payload| format!("data: {payload}\n\n")).collect();
    read(Dialect::Chat, [stream.as_bytes()])
}

#[test]
fn trap_01_characters_split_between_reads_stay_whole_at_every_offset() {
    for (dialect, stream) in STREAMS {
        let bytes = stream.as_bytes();
        let assert_whole = |told: &Transcript, at: usize| {
            assert_eq!(told.text(), "日本 👩‍🚀 🦀", "{dialect:?} cut at {at}");
            assert_eq!(told.reasoning(), "Żółć ", "{dialect:?} cut at {at}");
        };
        for at in 0..=bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_whole(&read(dialect, [left, right]), at);
        }
        // Three pieces: a character of four bytes can lie in all of them.
        for at in 0..bytes.len() {
            let (left, rest) = bytes.split_at(at);
            let (middle, right) = rest.split_at(1);
            assert_whole(&read(dialect, [left, middle, right]), at);
        }
        assert_whole(&read(dialect, bytes.chunks(1)), 1);
        for seed in 0..100 {
            let told = inspect(dialect, bytes, Cut::Random(seed));
            assert_whole(&told, seed as usize);
        }
    }
}

#[test]
fn trap_02_comments_pings_and_all_of_the_grammar_are_no_events_of_the_answer() {
    for (dialect, stream) in STREAMS {
        let plain = read(dialect, [stream.as_bytes()]).to_json();
        let noisy = stream.replace(
            "data: {",
            ": keep-alive\n:\nretry: 3000\nid: 7\nunknown: x\nnocolon\ndata: {",
        );
        let no_space = stream.replace("data: ", "data:");
        let long_lines = stream.replace("\"index\":0,", "\"index\":0,\ndata: ");
        let bom = format!("\u{feff}{stream}");
        let cut_off = stream.trim_end().to_owned();
        for variant in [noisy, no_space, long_lines, bom, cut_off] {
            for eol in ["\n", "\r\n", "\r"] {
                let variant = variant.replace('\n', eol);
                let pieces: Vec<_> = variant.as_bytes().chunks(3).collect();
                assert_eq!(read(dialect, pieces).to_json(), plain, "{dialect:?} {variant:?}");
            }
        }
    }
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    let told = read(Dialect::Messages, [ping.as_bytes(), MESSAGES.as_bytes(), ping.as_bytes()]);
    assert_eq!((told.text(), told.error(), told.is_done()), ("日本 👩‍🚀 🦀", None, true));
    let first = inspect(Dialect::Messages, format!("{ping}{MESSAGES}").as_bytes(), Cut::Whole);
    assert_eq!(
        first.to_json()["first"],
        json!({ "reasoning": 2, "text": 3 }),
        "no ping is content"
    );
}

#[test]
fn trap_03_an_end_mark_is_an_end_in_its_own_dialect_and_never_json() {
    for mark in ["[DONE]", "[DONE] ", "[DONE]\r", "[DONE] bye"] {
        let stream = CHAT.replace("[DONE]", mark);
        let told = read(Dialect::Chat, [stream.as_bytes()]);
        assert_eq!((told.is_done(), told.error()), (true, None), "{mark:?}");
        assert_eq!(told.text(), "日本 👩‍🚀 🦀");
    }
    // The mark of one dialect does not end another's answer, and breaks none.
    let before = format!("data: [DONE]\n\n{MESSAGES}");
    let told = read(Dialect::Messages, [before.as_bytes()]);
    assert_eq!((told.text(), told.error(), told.is_done()), ("日本 👩‍🚀 🦀", None, true));
    let only = read(Dialect::Messages, [&b"data: [DONE]\n\n"[..]]);
    assert_eq!((only.is_done(), only.error()), (false, None));
    // In a text it is text.
    let said = chat(&[json!({ "choices": [{ "index": 0, "delta": { "content": "[DONE]" } }] })]);
    assert_eq!((said.text(), said.is_done()), ("[DONE]", false));
}

#[test]
fn trap_04_parallel_calls_stay_apart_interleaved_unnumbered_or_all_numbered_zero() {
    let calls = |told: &Transcript| -> Vec<(String, String, String)> {
        let calls = told.tool_calls().iter();
        calls.map(|c| (c.id.clone(), c.name.clone(), c.arguments.clone())).collect()
    };
    let chunk =
        |parts: Value| json!({ "choices": [{ "index": 0, "delta": { "tool_calls": parts } }] });
    let expected: Vec<_> =
        (0..4).map(|n| (format!("t{n}"), format!("f{n}"), format!("{{\"n\":{n}}}"))).collect();
    let open = |index: Value, n: usize, arguments: &str| {
        let function = json!({ "name": format!("f{n}"), "arguments": arguments });
        json!({ "index": index, "id": format!("t{n}"), "type": "function", "function": function })
    };
    // Opened one after the other, filled byte by byte in turn.
    let mut interleaved: Vec<_> = (0..4).map(|n| chunk(json!([open(json!(n), n, "")]))).collect();
    for at in 0..expected[0].2.len() {
        for n in [2, 0, 3, 1] {
            let piece = &expected[n].2[at..=at];
            interleaved.push(chunk(json!([{ "index": n, "function": { "arguments": piece } }])));
        }
    }
    assert_eq!(calls(&chat(&interleaved)), expected);
    // No index at all, several in one chunk.
    let unnumbered = (0..4).map(|n| {
        let mut call = open(json!(null), n, &expected[n].2);
        call.as_object_mut().unwrap().remove("index");
        call
    });
    assert_eq!(calls(&chat(&[chunk(unnumbered.collect())])), expected);
    // Every call is number 0.
    let zeros: Vec<_> = (0..4)
        .flat_map(|n| {
            let rest = json!([{ "index": 0, "function": { "arguments": &expected[n].2[1..] } }]);
            [chunk(json!([open(json!(0), n, "{")])), chunk(rest)]
        })
        .collect();
    assert_eq!(calls(&chat(&zeros)), expected);
    // Two choices with the same index each have a call of their own.
    let of_choice = |choice: usize, n: usize| json!({ "choices": [{ "index": choice, "delta": { "tool_calls": [open(json!(0), n, &expected[n].2)] } }] });
    let told = chat(&[of_choice(0, 0), of_choice(1, 1), of_choice(2, 2)]);
    assert_eq!(calls(&told), expected[..3]);
}

#[test]
fn trap_07_usage_is_asked_for_only_where_the_provider_takes_the_question() {
    let body = br#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    for row in ROWS.iter().filter(|row| row.dialect == Dialect::Chat) {
        let target = target(row.capabilities);
        let sent = translate_request(Dialect::Chat, Dialect::Chat, body, &target).unwrap();
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        let asks = sent.pointer("/stream_options/include_usage") == Some(&json!(true));
        assert_eq!(asks, row.capabilities.stream_options, "{}", row.name);
        assert_eq!(sent.get("stream_options").is_some(), asks, "{}", row.name);
    }
    for name in ["mistral", "perplexity"] {
        let row = ROWS.iter().find(|row| row.name == name).unwrap();
        assert!(!row.capabilities.stream_options, "{name} answers 422 or sends usage unasked");
    }
}

fn target(capabilities: Capabilities) -> Target<'static> {
    Target { model: "m", capabilities, temperature: None, max_tokens: None }
}

#[test]
fn trap_08_a_request_that_asks_for_usage_is_otherwise_the_callers() {
    let body =
        Bytes::from_static(br#"{ "stream" : true, "model":"m" , "messages":[], "x":1.0e3 }"#);
    let peek = Peek::of(&body).unwrap();
    let change = Rewrite { include_usage: true, ..Rewrite::default() };
    let sent = rewrite(&body, &peek, change);
    let sent = std::str::from_utf8(&sent).unwrap();
    let asked = r#","stream_options":{"include_usage":true}"#;
    assert_eq!(sent.matches(asked).count(), 1, "{sent}");
    assert_eq!(sent.replace(asked, "").as_bytes(), &body[..]);
}

#[test]
fn trap_13_cached_tokens_are_counted_once_whoever_reports_them() {
    let anthropic = concat!(
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":60,",
        "\"cache_creation_input_tokens\":30,\"output_tokens\":1}}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":5}}\n\n",
    );
    let openai = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":5,\
                  \"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":30}}}\n\n";
    for (dialect, stream) in [(Dialect::Messages, anthropic), (Dialect::Chat, openai)] {
        let usage = read(dialect, [stream.as_bytes()]).usage().unwrap();
        assert_eq!(usage.input_total(), Some(100), "{dialect:?}");
        assert_eq!((usage.cache_read, usage.cache_creation), (Some(60), Some(30)), "{dialect:?}");
        assert_eq!(usage.output_total(), Some(5));
    }
}

#[test]
fn trap_13_geminis_cached_tokens_are_a_part_of_its_prompt() {
    let stream = "data: {\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":100,\
                  \"cachedContentTokenCount\":60,\"candidatesTokenCount\":5,\"totalTokenCount\":105}}\n\n";
    let usage = read(Dialect::Gemini, [stream.as_bytes()]).usage().unwrap();
    assert_eq!((usage.input_total(), usage.cache_read), (Some(100), Some(60)));
    assert_eq!(usage.output_total(), Some(5));
}

#[test]
fn trap_15_cache_writes_are_read_in_every_dialect() {
    for usage in [
        r#"{"prompt_tokens":9,"prompt_tokens_details":{"cache_write_tokens":4}}"#,
        r#"{"prompt_tokens":9,"cache_creation_input_tokens":4}"#,
    ] {
        let stream = format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
        let usage = read(Dialect::Chat, [stream.as_bytes()]).usage().unwrap();
        assert_eq!((usage.cache_creation, usage.input_total()), (Some(4), Some(9)));
    }
    let done = "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":\
                {\"input_tokens\":9,\"output_tokens\":1,\"input_tokens_details\":{\"cache_write_tokens\":4}}}}\n\n";
    let usage = read(Dialect::Responses, [done.as_bytes()]).usage().unwrap();
    assert_eq!((usage.cache_creation, usage.input_total()), (Some(4), Some(9)));
}
