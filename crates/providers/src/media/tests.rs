//! Media answers: what is read, and how little is held.

use super::{MediaForm, MediaReader};
use crate::endpoint::EndpointKind;
use crate::sse::MAX_EVENT_BYTES;
use crate::transcript::Transcript;

fn read<'a>(
    kind: EndpointKind,
    form: MediaForm,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Transcript, usize) {
    let (mut transcript, mut held) = (Transcript::new(usize::MAX), 0);
    let mut reader = MediaReader::new(kind, form);
    for piece in pieces {
        reader.feed(piece, &mut |event| transcript.on_event(&event));
        held = held.max(reader.held_bytes());
    }
    reader.finish(&mut |event| transcript.on_event(&event));
    (transcript, held)
}

/// What is told, which is the same in every split.
fn told(kind: EndpointKind, form: MediaForm, body: &str) -> Transcript {
    let (whole, _) = read(kind, form, [body.as_bytes()]);
    for size in [1, 3, 64] {
        let (split, _) = read(kind, form, body.as_bytes().chunks(size));
        assert_eq!(split.to_json(), whole.to_json(), "in pieces of {size}");
        assert_eq!((split.is_done(), split.texts()), (whole.is_done(), whole.texts()));
    }
    whole
}

fn events(kind: EndpointKind, events: &[&str]) -> Transcript {
    let body: String = events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect();
    told(kind, MediaForm::Events, &body)
}

use EndpointKind::{AudioSpeech, AudioTranscription, Embeddings, ImageGeneration};

#[test]
fn embeddings_are_counted_and_not_read() {
    let body = r#"{"object":"list","data":[{"embedding":[0.1,-2e-3],"index":0},{"embedding":"AAAA","index":1}],"model":"e-small","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let told = told(Embeddings, MediaForm::Json, body);
    let usage = told.usage().unwrap();
    assert_eq!((usage.input, usage.output, usage.total), (Some(7), None, Some(7)));
    assert_eq!((told.model(), told.text(), told.output_bytes()), (Some("e-small"), "", 0));
}

#[test]
fn twenty_megabytes_of_vectors_are_counted_with_little_held() {
    let numbers = "0.0123456789,".repeat(1_536);
    let numbers = numbers.trim_end_matches(',');
    let base64 = "q".repeat(8_192);
    for vector in [format!("[{numbers}]"), format!("\"{base64}\"")] {
        let count = 20_000_000 / vector.len();
        let mut body = String::from("{\"object\":\"list\",\"data\":[");
        for index in 0..count {
            let comma = if index == 0 { "" } else { "," };
            body.push_str(&format!("{comma}{{\"index\":{index},\"embedding\":{vector}}}"));
        }
        body.push_str("],\"model\":\"e\",\"usage\":{\"prompt_tokens\":9,\"total_tokens\":9}}");
        let (told, held) = read(Embeddings, MediaForm::Json, body.as_bytes().chunks(16 * 1024));
        assert_eq!((told.usage().unwrap().input, told.model()), (Some(9), Some("e")));
        assert!(held <= MAX_EVENT_BYTES, "{held} bytes held");
    }
}

#[test]
fn what_the_prompts_became_is_told_and_the_pictures_are_not() {
    let picture = "iVBOR".repeat(600_000);
    let (first, second) = ("A \\\"cat\\\".".repeat(400), "Another.");
    for before in [true, false] {
        let entry = |prompt: &str| {
            let (prompt, picture) =
                (format!("\"revised_prompt\":\"{prompt}\""), format!("\"b64_json\":\"{picture}\""));
            let (a, b) = if before { (prompt, picture) } else { (picture, prompt) };
            format!("{{ {a} , {b} }}")
        };
        let body = format!(
            "{{\"created\":1,\"data\":[{},{}],\"usage\":{{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}}}}",
            entry(&first),
            entry(second)
        );
        let (told, held) =
            read(ImageGeneration, MediaForm::Json, body.as_bytes().chunks(16 * 1024));
        assert_eq!(told.texts(), [first.replace("\\\"", "\""), second.to_owned()]);
        assert_eq!(told.usage().unwrap().output, Some(4));
        assert!(held <= MAX_EVENT_BYTES, "{held} bytes held");
    }
}

#[test]
fn a_transcript_is_told_in_every_format() {
    let json = r#"{"text":"He said \"hi\".","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}"#;
    let spoken = told(AudioTranscription, MediaForm::Json, json);
    assert_eq!(spoken.text(), "He said \"hi\".");
    assert_eq!(spoken.usage().unwrap().output, Some(45));
    let seconds = r#"{"task":"transcribe","duration":2.9,"text":"Hello.","segments":[{"id":0,"text":" Hello."}],"usage":{"type":"duration","seconds":3}}"#;
    let spoken = told(AudioTranscription, MediaForm::Json, seconds);
    let usage = spoken.usage().unwrap();
    assert_eq!((spoken.text(), usage.duration_ms), ("Hello.", Some(3_000)));
    assert_eq!((usage.input, usage.output), (None, None), "seconds are no tokens");
    let plain = told(AudioTranscription, MediaForm::Text, "C:\\dir said \"é\"\nbye\n");
    assert_eq!(plain.text(), "C:\\dir said \"é\"\nbye");
    assert!(told(AudioTranscription, MediaForm::Text, "").texts().is_empty());
}

#[test]
fn a_long_text_is_kept_up_to_the_cap() {
    for (bytes, kept) in [(MAX_EVENT_BYTES, MAX_EVENT_BYTES), (200_000, MAX_EVENT_BYTES + 1)] {
        let text = "x".repeat(bytes);
        let pieces = text.as_bytes().chunks(1_000);
        let (told, held) = read(AudioTranscription, MediaForm::Text, pieces);
        assert_eq!((told.text().len(), held), (kept, kept));
    }
    let text = "y".repeat(300_000);
    let body =
        format!("{{\"text\":\"{text}\",\"usage\":{{\"input_tokens\":1,\"output_tokens\":2}}}}");
    let (told, held) = read(AudioTranscription, MediaForm::Json, [body.as_bytes()]);
    assert_eq!(told.usage().unwrap().output, Some(2));
    assert!(told.text().len() > 16 * 1024 && held <= MAX_EVENT_BYTES, "{held}");
}

#[test]
fn a_streamed_transcript_is_told_once() {
    let done = r#"{"type":"transcript.text.done","text":"I see.","usage":{"type":"tokens","input_tokens":5,"output_tokens":6,"total_tokens":11}}"#;
    let delta = |text: &str| format!(r#"{{"type":"transcript.text.delta","delta":"{text}"}}"#);
    let segment = |text: &str| {
        format!(r#"{{"type":"transcript.text.segment","text":"{text}","speaker":"A","start":0.0}}"#)
    };
    for (pieces, text) in [
        (vec![delta("I "), delta("see."), done.to_owned()], "I see."),
        (vec![delta("I "), segment("I see."), delta("see."), done.to_owned()], "I see."),
        (vec![segment("I "), segment("see."), done.to_owned()], "I see."),
        (vec![done.to_owned()], "I see."),
    ] {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let told = events(AudioTranscription, &pieces);
        assert_eq!((told.text(), told.is_done()), (text, true));
        assert_eq!(told.usage().unwrap().output, Some(6));
        let cut = events(AudioTranscription, &pieces[..pieces.len() - 1]);
        assert_eq!(cut.is_done(), pieces.len() == 1, "without its end mark it broke off");
    }
    let other = events(
        AudioTranscription,
        &[
            r#"{"type":"transcription.language","audio_language":"en"}"#,
            r#"{"type":"transcription.text.delta","text":"Yes."}"#,
            r#"{"type":"transcription.done","model":"v","text":"Yes.","usage":{"prompt_tokens":2,"completion_tokens":3}}"#,
        ],
    );
    assert_eq!((other.text(), other.model(), other.is_done()), ("Yes.", Some("v"), true));
    let unknown = events(AudioTranscription, &[r#"{"type":"somebody.elses","x":1}"#]);
    assert!(unknown.is_done(), "nobody knows its end mark");
}

#[test]
fn partial_images_of_megabytes_pass_with_little_held() {
    let picture = "A".repeat(3_000_000);
    let partial = format!(
        "data: {{\"type\":\"image_generation.partial_image\",\"b64_json\":\"{picture}\",\"partial_image_index\":0}}\n\n"
    );
    let last = format!(
        "data: {{\"b64_json\":\"{picture}\",\"usage\":{{\"input_tokens\":3,\"output_tokens\":9,\"total_tokens\":12}},\"type\":\"image_generation.completed\"}}\n\n"
    );
    let body = partial.repeat(2) + &last;
    let (told, held) = read(ImageGeneration, MediaForm::Events, body.as_bytes().chunks(16 * 1024));
    assert!(held <= MAX_EVENT_BYTES + 16, "{held} bytes held");
    assert_eq!((told.usage().unwrap().output, told.is_done()), (Some(9), true));
    assert_eq!(told.to_json()["n_events"], 3);
}

#[test]
fn streamed_speech_has_usage_and_an_end() {
    let told = events(
        AudioSpeech,
        &[
            r#"{"type":"speech.audio.delta","audio":"AAAA"}"#,
            r#"{"type":"speech.audio.done","usage":{"input_tokens":4,"output_tokens":50,"total_tokens":54}}"#,
        ],
    );
    assert_eq!((told.usage().unwrap().output, told.is_done(), told.text()), (Some(50), true, ""));
}

#[test]
fn an_error_in_a_stream_is_one_in_each_form() {
    for event in [
        r#"{"type":"error","error":{"type":"server_error","message":"no"}}"#,
        r#"{"type":"error","message":"no","code":null}"#,
        r#"{"error":{"message":"no"}}"#,
    ] {
        assert_eq!(events(ImageGeneration, &[event]).error(), Some("no"), "{event}");
    }
    let told =
        told(ImageGeneration, MediaForm::Events, "event: error\ndata: {\"message\":\"no\"}\n\n");
    assert_eq!(told.error(), Some("no"));
}

#[test]
fn what_is_no_json_says_nothing() {
    for body in ["", "<html>", "[1,2]", "{\"usage\":"] {
        let told = told(Embeddings, MediaForm::Json, body);
        assert_eq!((told.usage(), told.texts().len(), told.error()), (None, 0, None), "{body}");
    }
}
