//! Any split gives the same events, and what is told by comparing bytes is what parsing tells.

use proptest::prelude::*;

use super::{Reader, StreamReader};
use crate::Dialect;
use crate::fixtures::{events_of, news, sse, transcript, written};
use crate::sse::MAX_EVENT_BYTES;

const CHAT: &str = concat!(
    ": PROCESSING\n\n",
    "data: {\"id\":\"\",\"model\":\"\",\"choices\":[]}\r\n\r\n",
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é\u{1F600}\"}}]}\n\n",
    "data: {\"id\":\"c\",\"model\":\"m\",\ndata: \"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00e9\\\"\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\r\r",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data:{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
    "data: [DONE]"
);
const MESSAGES: &str = concat!(
    "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\",\"usage\":{\"input_tokens\":3}}}\r\n\r\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}   \n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n"
);
const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"model\":\"m\",\"usage\":null}}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"sequence_number\":9,\"output_index\":0,\"delta\":\"a\",\"obfuscation\":\"xyz\"}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"sequence_number\":10,\"output_index\":0,\"delta\":\"b\\n\",\"obfuscation\":\"\"}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n"
);
const STREAMS: [(Dialect, &str); 3] =
    [(Dialect::Chat, CHAT), (Dialect::Messages, MESSAGES), (Dialect::Responses, RESPONSES)];

#[test]
fn two_reads_split_anywhere_give_the_events_of_one() {
    for (dialect, stream) in STREAMS {
        let whole = events_of(dialect, [stream.as_bytes()]);
        assert!(whole.len() > 8, "{whole:?}");
        for at in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            assert_eq!(events_of(dialect, [left, right]), whole, "{} at {at}", dialect.name());
        }
        assert_eq!(events_of(dialect, stream.as_bytes().chunks(1)), whole, "byte by byte");
    }
}

#[test]
fn only_a_chunk_of_usage_alone_is_usage_only() {
    let usage_only = |payload: &str| {
        events_of(Dialect::Chat, [sse(&[payload]).as_bytes()]).contains(&"boundary true".to_owned())
    };
    assert!(usage_only(r#"{"id":"c","choices":[],"usage":{"prompt_tokens":3}}"#));
    assert!(usage_only(r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#));
    for payload in [
        r#"{"choices":[],"usage":null}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":3}}"#,
        r#"{"choices":[],"error":{"message":"x"},"usage":{"prompt_tokens":3}}"#,
        "[DONE]",
    ] {
        assert!(!usage_only(payload), "{payload}");
    }
}

#[test]
fn an_error_line_makes_an_error_of_any_data() {
    let text = r#"data: {"choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    let stream = format!("{text}\n\nevent: error\n{text}\n\n{text}\n\n");
    let events = events_of(Dialect::Chat, [stream.as_bytes()]);
    assert_eq!(
        events,
        [
            "text 0 x",
            "boundary false",
            "text 0 x",
            "error None None",
            "boundary false",
            "text 0 x",
            "boundary false"
        ]
    );
}

/// A finished response of which one string is `len` bytes long.
fn completed(len: usize) -> String {
    let long = "x".repeat(len);
    let items =
        r#"{"type":"message","content":[{"type":"output_text","text":"y"}]},"#.repeat(1_000);
    format!(
        r#"{{"type":"response.completed","response":{{"id":"r","instructions":"{long}","model":"m","output":[{items}{{}}],"status":"completed","usage":{{"input_tokens":5,"output_tokens":6}}}}}}"#
    )
}

#[test]
fn an_event_beyond_the_cap_still_gives_its_usage() {
    for len in [0, 100_000, 3_000_000] {
        let payload = completed(len);
        let told = transcript(Dialect::Responses, &[&payload]);
        let usage = told.usage().unwrap();
        assert_eq!((usage.input, usage.output), (Some(5), Some(6)), "{len}");
        assert_eq!((told.id(), told.model()), (Some("r"), Some("m")));
        assert_eq!(told.finish_reasons().collect::<Vec<_>>(), ["completed"]);
        let stream = sse(&[&payload]);
        let whole = events_of(Dialect::Responses, [stream.as_bytes()]);
        for size in [1_000, 65_536, 70_000] {
            assert_eq!(events_of(Dialect::Responses, stream.as_bytes().chunks(size)), whole);
        }
    }
}

#[test]
fn a_long_event_is_lost_in_part_and_says_so() {
    for (len, lost) in [(MAX_EVENT_BYTES, false), (MAX_EVENT_BYTES + 1, true)] {
        let frame = r#"{"choices":[{"index":0,"delta":{"content":""}}]}"#.len();
        let text = "x".repeat(len - frame);
        let payload = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#);
        assert_eq!(payload.len(), len);
        let (mut reader, mut kept) = (StreamReader::new(Dialect::Chat), 0);
        reader.feed(sse(&[&payload]).as_bytes(), &mut |event| {
            if let crate::StreamEvent::Text { text, .. } = event {
                kept = text.raw().len();
            }
        });
        assert_eq!(reader.lost(), lost);
        assert_eq!(kept == text.len(), !lost, "{kept} bytes kept");
        assert!(kept > 0, "a first token was seen");
    }
}

/// What the reader says of each payload when nothing is learnt.
fn unlearnt(dialect: Dialect, payloads: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    let mut sink = |event: crate::StreamEvent<'_>| said.push(written(&event));
    let mut reader: Reader = StreamReader::new(dialect).parser.reader;
    for payload in payloads {
        let usage_only = reader.read(payload.as_bytes(), false, &mut sink);
        sink(crate::StreamEvent::Boundary { end: 0, usage_only });
    }
    reader.end(&mut sink);
    said
}

/// Payloads that are alike, and some that are almost.
const ALIKE: [(Dialect, &[&str]); 4] = [
    (
        Dialect::Chat,
        &[
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null,"obfuscation":"x1"}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"\"b\\"}}],"usage":null,"obfuscation":""}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":""}}],"usage":null,"obfuscation":"z"}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"\"obfuscation\":\"q"}}],"usage":null,"obfuscation":"z"}"#,
            r#"{"id":"c","model":"n","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null,"obfuscation":"x"}"#,
            r#"{"id":"c","model":"m","choices":[{"index":1,"delta":{"content":"a"}}],"usage":null,"obfuscation":"x"}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"reasoning":"a"}}],"usage":null,"obfuscation":"x"}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1},"obfuscation":"x"}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"b"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":"c"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]"#,
            "[DONE]",
        ],
    ),
    (
        Dialect::Messages,
        &[
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"bc"}}  "#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"}"}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"u","name":"f","input":{}}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"message_stop"}"#,
        ],
    ),
    (
        Dialect::Responses,
        &[
            r#"{"type":"response.output_text.delta","sequence_number":9,"delta":"a","obfuscation":"x"}"#,
            r#"{"type":"response.output_text.delta","sequence_number":10,"delta":"b","obfuscation":"xyz"}"#,
            r#"{"type":"response.refusal.delta","sequence_number":11,"delta":"b","obfuscation":"xyz"}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"i","call_id":"c","name":"f"}}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"j","call_id":"d","name":"f"}}"#,
            r#"{"type":"response.function_call_arguments.delta","sequence_number":1,"output_index":0,"delta":"x"}"#,
            r#"{"type":"response.function_call_arguments.delta","sequence_number":2,"item_id":"j","delta":"x"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":"xx"}}"#,
        ],
    ),
    (
        Dialect::Gemini,
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"b\\"}]}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"c"}]}}],"usageMetadata":{"promptTokenCount":9,"details":[{"x":"}"}]},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"d"}]}}],"usageMetadata":null,"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"e"}]}}],"usageMetadata":{},"modelVersion":"n","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"f"}]},"usageMetadata":{"promptTokenCount":1}}],"usageMetadata" : {"promptTokenCount":2},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"g"}]},"usageMetadata":{"promptTokenCount":1}}],"usageMetadata" : {"promptTokenCount":3},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"h \"usageMetadata"}]}}],"usageMetadata": {"promptTokenCount":4},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"i"}]}}],"usageMetadata":{"promptTokenCount":"modelVersion":"m","responseId":"r"}"#,
        ],
    ),
];
/// Lines before the data of an event, and what ends the lines.
const FRAMES: [(&str, &str); 6] = [
    ("", "\n"),
    ("event: delta\n", "\n"),
    ("event: delta\r\n", "\r\n"),
    ("id: 1\n", "\r"),
    (": hello\n\nretry: 9\n", "\n"),
    ("event: other\nevent: delta\n", "\n"),
];

/// These payloads as events in one frame or another.
fn in_frames(payloads: &[&str], frames: &[usize]) -> String {
    let frames = frames.iter().map(|at| FRAMES[*at]);
    let framed = payloads.iter().zip(frames.cycle());
    framed.map(|(payload, (before, end))| format!("{before}data: {payload}{end}{end}")).collect()
}

#[test]
fn a_line_that_ends_inside_of_a_value_ends_the_data_however_the_stream_is_cut() {
    for end in ["\n", "\r", "\r\n", "\\\n", "\n\n", "\u{1}"] {
        let chat = r#"{"choices":[{"index":0,"delta":{"content":"a b"}}],"usage":{"x": 1}}"#;
        let gemini =
            r#"{"candidates":[{"content":{"parts":[{"text":"a b"}]}}],"usageMetadata":{"x": 1}}"#;
        for (dialect, payload) in [(Dialect::Chat, chat), (Dialect::Gemini, gemini)] {
            for place in [" b", " 1"] {
                let other = payload.replace(place, &format!("{end}{}", place.trim()));
                let stream = sse(&[payload, payload, &other, payload]);
                let whole = events_of(dialect, [stream.as_bytes()]);
                assert_eq!(events_of(dialect, stream.as_bytes().chunks(1)), whole, "{other:?}");
            }
        }
    }
}

#[test]
fn an_event_in_a_known_frame_is_condensed_from_the_same_length_on() {
    let payload = |len: usize| {
        let text = "x".repeat(len);
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#)
    };
    let frame = payload(0).len();
    for (len, lost) in [(MAX_EVENT_BYTES, false), (MAX_EVENT_BYTES + 1, true)] {
        let mut reader = StreamReader::new(Dialect::Chat);
        let payloads = [payload(1), payload(1), payload(len - frame)];
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        reader.feed(sse(&payloads).as_bytes(), &mut |_| {});
        assert_eq!(reader.lost(), lost, "{len}");
    }
}

#[test]
fn what_was_learnt_is_used() {
    let payloads = ALIKE[3].1;
    let stream = sse(&[payloads[0]]).repeat(3) + &sse(&payloads[1..2]);
    let mut reader = StreamReader::new(Dialect::Gemini);
    let mut said = Vec::new();
    reader.feed(stream.as_bytes(), &mut |event| said.push(written(&event)));
    let ids = said.iter().filter(|said| said.starts_with("id ")).count();
    // The first event follows no other, so that only the second one shows its frame.
    assert_eq!(ids, 1, "{said:?}");
    let usages = said.iter().filter(|said| said.starts_with("usage ")).count();
    assert_eq!(usages, 4, "{said:?}");
}

proptest! {
    #[test]
    fn what_is_told_by_comparing_is_what_parsing_tells(
        which in 0..ALIKE.len(),
        order in proptest::collection::vec(0..15usize, 1..40),
        frames in proptest::collection::vec(0..FRAMES.len(), 1..3),
        size in 1..2_000usize,
    ) {
        let (dialect, payloads) = ALIKE[which];
        let payloads: Vec<_> = order.iter().map(|at| payloads[at % payloads.len()]).collect();
        let stream = in_frames(&payloads, &frames);
        let fast = events_of(dialect, [stream.as_bytes()]);
        prop_assert_eq!(&fast, &events_of(dialect, stream.as_bytes().chunks(size)));
        prop_assert_eq!(news(fast), news(unlearnt(dialect, &payloads)));
    }

    #[test]
    fn any_bytes_in_any_pieces_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        at in any::<prop::sample::Index>(),
        size in 1..50usize,
    ) {
        for (dialect, stream) in STREAMS {
            let mut stream = stream.as_bytes().to_vec();
            let at = at.index(stream.len());
            stream.splice(at..at, bytes.iter().copied());
            let whole = events_of(dialect, [&stream[..]]);
            prop_assert_eq!(events_of(dialect, stream.chunks(size)), whole);
        }
    }
}
