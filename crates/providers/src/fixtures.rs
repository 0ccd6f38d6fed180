//! What several tests need: streams written by hand, and what is read out of them.

use crate::event::{JsonStr, StreamEvent};
use crate::provider::Dialect;
use crate::{StreamReader, Transcript};

/// One SSE event for each payload, and `event:` lines where the API has them.
pub(crate) fn sse(payloads: &[&str]) -> String {
    payloads.iter().map(|payload| format!("data: {payload}\n\n")).collect()
}

/// What a reader says of a stream fed in these pieces, in a form that outlives the bytes.
pub(crate) fn events_of<'a>(
    dialect: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<String> {
    let mut said = Vec::new();
    let mut sink = |event: StreamEvent<'_>| said.push(written(&event));
    let mut reader = StreamReader::new(dialect);
    for piece in pieces {
        reader.feed(piece, &mut sink);
    }
    reader.finish(&mut sink);
    said
}

/// What is said of these payloads, without the boundaries.
pub(crate) fn said(dialect: Dialect, payloads: &[&str]) -> Vec<String> {
    let mut events = events_of(dialect, [sse(payloads).as_bytes()]);
    events.retain(|event| !event.starts_with("boundary"));
    events
}

/// Without an id or a model that was told just before: a replay leaves it out.
pub(crate) fn news(said: Vec<String>) -> Vec<String> {
    let mut last = [String::new(), String::new()];
    let mut is_news = |said: &String| {
        let Some(at) = ["id ", "model "].iter().position(|name| said.starts_with(name)) else {
            return true;
        };
        std::mem::replace(&mut last[at], said.clone()) != *said
    };
    said.into_iter().filter(|said| is_news(said)).collect()
}

/// The fold of these payloads.
pub(crate) fn transcript(dialect: Dialect, payloads: &[&str]) -> Transcript {
    let mut transcript = Transcript::new(1024 * 1024);
    let mut reader = StreamReader::new(dialect);
    let mut sink = |event: StreamEvent<'_>| transcript.on_event(&event);
    reader.feed(sse(payloads).as_bytes(), &mut sink);
    reader.finish(&mut sink);
    transcript
}

/// An event in a few words; boundaries without their place, which depends on the split.
pub(crate) fn written(event: &StreamEvent<'_>) -> String {
    let text = |text: JsonStr<'_>| text.decode().into_owned();
    match *event {
        StreamEvent::Id(id) => format!("id {}", text(id)),
        StreamEvent::Model(model) => format!("model {}", text(model)),
        StreamEvent::Text { choice, text: t } => format!("text {choice} {}", text(t)),
        StreamEvent::Reasoning { choice, text: t } => format!("reasoning {choice} {}", text(t)),
        StreamEvent::Opaque(opaque) => format!(
            "opaque {} {} signs={} {} {}",
            opaque.choice,
            text(opaque.format),
            opaque.signs,
            text(opaque.id),
            text(opaque.data)
        ),
        StreamEvent::ToolCallFreeform { call } => format!("freeform {call}"),
        StreamEvent::Condensed => "condensed".to_owned(),
        StreamEvent::Refusal { choice, text: t } => format!("refusal {choice} {}", text(t)),
        StreamEvent::Media { choice, medium } => {
            format!("{} {choice}", format!("{medium:?}").to_ascii_lowercase())
        }
        StreamEvent::ToolCallStart { call, id, name } => {
            format!("start {call} {} {}", text(id), text(name))
        }
        StreamEvent::ToolCallArguments { call, fragment } => {
            format!("arguments {call} {}", text(fragment))
        }
        StreamEvent::ToolCallInput { call, json } => {
            format!("input {call} {}", String::from_utf8_lossy(json))
        }
        StreamEvent::ToolCallEnd { call } => format!("end {call}"),
        StreamEvent::FinishReason { choice, reason } => format!("finish {choice} {}", text(reason)),
        StreamEvent::Usage(usage) => format!("usage {usage:?}"),
        StreamEvent::Error { kind, message } => {
            format!("error {:?} {:?}", kind.map(text), message.map(text))
        }
        StreamEvent::Done => "done".to_owned(),
        StreamEvent::Boundary { usage_only, .. } => format!("boundary {usage_only}"),
    }
}
