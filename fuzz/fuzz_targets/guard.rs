//! Streams under output guardrails: no bytes make a panic, the split into chunks makes no difference,
//! and a caller reads what the whole text becomes.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use tokio::time::Instant;
use tollgate_filters::detect::Kind;
use tollgate_filters::guard::{
    self, Action, DetectorSettings, Direction, Directions, Policy, Rules,
};
use tollgate_filters::response::{Body, Flow, Pipeline, Settings};
use tollgate_providers::{Dialect, StreamEvent, StreamReader};

const DIALECTS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Messages, Dialect::Responses, Dialect::Cohere, Dialect::Gemini];

static RULES: LazyLock<[Arc<Rules>; 3]> =
    LazyLock::new(|| [Action::Flag, Action::Redact, Action::Block].map(rules));

fn rules(action: Action) -> Arc<Rules> {
    let settings = guard::Settings {
        blocklist: ["forbidden", "bidden 1", "aa"].map(str::to_owned).to_vec(),
        detectors: vec![DetectorSettings {
            kinds: Kind::ALL.to_vec(),
            action,
            directions: Directions::Both,
        }],
    };
    Arc::clone(Policy::new(&settings).unwrap().rules(Direction::Output).unwrap())
}

/// What leaves, and whether the stream was ended.
fn pass(dialect: Dialect, rules: &Arc<Rules>, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let now = Instant::now();
    let settings = Settings {
        status: StatusCode::OK,
        swallow_usage: false,
        hold: false,
        content_bytes_max: 0,
        started: now,
        translation: None,
        secret: None,
        guard: Some(Arc::clone(rules)),
        encoded: false,
    };
    let mut pipeline = Pipeline::new(Body::Stream(dialect), settings);
    let mut out = Vec::new();
    for piece in pieces {
        match pipeline.on_chunk(Bytes::copy_from_slice(piece), now) {
            Flow::Forward(bytes) => out.extend_from_slice(&bytes),
            _ => return (Vec::new(), true),
        }
    }
    match pipeline.on_end(now) {
        Flow::Forward(bytes) => out.extend_from_slice(&bytes),
        _ => return (Vec::new(), true),
    }
    (out, false)
}

/// A chat stream that says a text in pieces, one for each of `sizes`, in turn.
fn chat(text: &str, sizes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let (mut rest, mut at) = (text, 0);
    while !rest.is_empty() {
        let size = sizes.get(at % sizes.len().max(1)).map_or(1, |size| usize::from(size % 16) + 1);
        let (piece, later) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        let delta =
            serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": piece } }] });
        stream.extend_from_slice(format!("data: {delta}\n\n").as_bytes());
        (rest, at) = (later, at + 1);
    }
    stream.extend_from_slice(b"data: [DONE]\n\n");
    stream
}

fn read(stream: &[u8]) -> String {
    let mut text = String::new();
    let mut reader = StreamReader::new(Dialect::Chat);
    let mut sink = |event: StreamEvent<'_>| {
        if let StreamEvent::Text { text: piece, .. } = event {
            text.push_str(&piece.decode());
        }
    };
    reader.feed(stream, &mut sink);
    reader.finish(&mut sink);
    text
}

fn marked(rules: &Rules, text: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for finding in rules.redacted().find(text) {
        out.push_str(&text[from..finding.range.start]);
        out.push_str(finding.kind.mark());
        from = finding.range.end;
    }
    out + &text[from..]
}

/// What an answer that says the text as a whole becomes; `None` if it is blocked.
fn whole(rules: &Rules, text: &str) -> Option<String> {
    let body = serde_json::json!({ "choices": [{ "index": 0, "message": { "content": text } }] });
    let body = Bytes::from(body.to_string());
    let scanned = rules.scan_json(&body);
    if scanned.refusal.is_some() {
        return None;
    }
    let body = scanned.changed.unwrap_or(body);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    Some(body["choices"][0]["message"]["content"].as_str().unwrap().to_owned())
}

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*at).min(bytes.len()));
    for dialect in DIALECTS {
        for rules in &*RULES {
            assert_eq!(pass(dialect, rules, &[bytes]), pass(dialect, rules, &[first, second]));
        }
    }
    let text = String::from_utf8_lossy(second);
    let stream = chat(&text, first);
    let [_, redact, block] = &*RULES;
    // A text that may be JSON is read without its escapes, in a stream as in a whole answer.
    let (expected, blocked) = match text.trim_start().starts_with(['{', '[']) {
        true => (whole(redact, &text).unwrap_or_default(), whole(block, &text).is_none()),
        false => (marked(redact, &text), !block.unseen().find(&text).is_empty()),
    };
    assert_eq!(read(&pass(Dialect::Chat, redact, &[&stream]).0), expected);
    assert_eq!(pass(Dialect::Chat, block, &[&stream]).1, blocked);
});
