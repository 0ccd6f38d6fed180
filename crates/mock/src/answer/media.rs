//! Rankings, pictures, speech and transcripts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::{Event, JSON, Reply};
use crate::ordered::{Json, object};
use crate::reading::{Api, Ask};
use crate::scenario::Scenario;

/// Bytes of audio, or of a picture, unless the scenario says otherwise.
const MEDIA_BYTES_DEFAULT: usize = 3 * 1024;
/// Pieces of a streamed picture or speech, unless the scenario says otherwise.
const PIECES_DEFAULT: usize = 2;

/// The documents, the last one first.
pub(super) fn ranking(scenario: &Scenario, ask: &Ask) -> Json {
    let results = (0..ask.documents).rev().map(|index| {
        let score = serde_json::Value::from(
            1.0 / f64::from(u32::try_from(ask.documents - index).unwrap_or(1)),
        );
        object! { "index" => index, "relevance_score" => score }
    });
    let units = object! { "search_units" => 1_u64 };
    object! {
        "id" => scenario.id.clone().unwrap_or_else(|| "rerank-mock".to_owned()),
        "results" => results.collect::<Vec<_>>(),
        "meta" => object! { "billed_units" => units },
    }
}

/// Content type and body of an answer that is not streamed.
pub(super) fn plain(reply: &Reply<'_>, api: Api) -> (&'static str, Bytes) {
    match api {
        Api::Speech => ("audio/mpeg", Bytes::from(media(reply))),
        Api::Images => (JSON, Bytes::from(pictures(reply).text())),
        _ => transcript(reply),
    }
}

/// The events of a streamed answer.
pub(super) fn stream(reply: &Reply<'_>, api: Api) -> Vec<Event> {
    let event = |json: Json, content: bool| Event::data(&json.text(), content);
    let pieces = 0..reply.scenario.stream_events.unwrap_or(PIECES_DEFAULT);
    match api {
        Api::Speech => {
            let piece = object! { "type" => "speech.audio.delta", "audio" => in_base64(reply) };
            let mut events: Vec<Event> = pieces.map(|_| event(piece.clone(), true)).collect();
            events.push(event(with_usage(object! { "type" => "speech.audio.done" }, reply), false));
            events
        }
        Api::Images => {
            let picture = in_base64(reply);
            let mut events: Vec<Event> = pieces
                .map(|index| {
                    let piece = object! {
                        "type" => "image_generation.partial_image",
                        "partial_image_index" => index,
                        "b64_json" => &*picture,
                    };
                    event(piece, true)
                })
                .collect();
            let last = object! { "type" => "image_generation.completed", "b64_json" => picture };
            events.push(event(with_usage(last, reply), true));
            events
        }
        _ => {
            let words = reply.text().unwrap_or_default();
            let mut events: Vec<Event> = words
                .split_inclusive(' ')
                .map(|word| {
                    let piece = object! { "type" => "transcript.text.delta", "delta" => word };
                    event(piece, true)
                })
                .collect();
            let last = object! { "type" => "transcript.text.done", "text" => words };
            events.push(event(with_usage(last, reply), false));
            events
        }
    }
}

fn pictures(reply: &Reply<'_>) -> Json {
    let mut picture = object! { "b64_json" => in_base64(reply) };
    if let (Some(prompt), true) = (reply.text(), reply.model == "dall-e-3") {
        picture = object! { "revised_prompt" => prompt }.with("b64_json", in_base64(reply));
    }
    let body = object! { "created" => reply.created, "data" => vec![picture] };
    if reply.model.starts_with("gpt-image") { with_usage(body, reply) } else { body }
}

fn transcript(reply: &Reply<'_>) -> (&'static str, Bytes) {
    let text = reply.text().unwrap_or_default();
    match reply.ask.response_format.as_deref() {
        Some("text") => ("text/plain; charset=utf-8", Bytes::from(text + "\n")),
        _ if reply.model == "whisper-1" => {
            let usage = object! { "type" => "duration", "seconds" => 3_u64 };
            (JSON, Bytes::from(object! { "text" => text, "usage" => usage }.text()))
        }
        _ => (JSON, Bytes::from(with_usage(object! { "text" => text }, reply).text())),
    }
}

fn with_usage(body: Json, reply: &Reply<'_>) -> Json {
    let Some(counts) = reply.usage else { return body };
    let usage = object! {
        "type" => "tokens",
        "input_tokens" => counts.input,
        "output_tokens" => counts.output,
        "total_tokens" => counts.input + counts.output,
    };
    body.with("usage", usage)
}

fn in_base64(reply: &Reply<'_>) -> String {
    BASE64_STANDARD.encode(media(reply))
}

/// All byte values, over and over.
fn media(reply: &Reply<'_>) -> Vec<u8> {
    let length = match reply.scenario.event_bytes {
        0 => MEDIA_BYTES_DEFAULT,
        bytes => bytes,
    };
    (0..=u8::MAX).cycle().take(length).collect()
}
