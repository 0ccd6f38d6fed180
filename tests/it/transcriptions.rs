//! Transcriptions: a form whose model is anywhere in it, and a transcript in every format.

use tollgate_mock::{Fault, Scenario};

use crate::client::{Answer, exchange, post, request};
use crate::endpoints_media::{MEDIA, assert_attributes, direct};
use crate::harness::{OPENAI_KEY, World, attribute, trace_id, traceparent};

pub(crate) const FORM: &str = "content-type: multipart/form-data; boundary=\"=b 1\"";

/// A form with a file in the middle; fields before and after it.
pub(crate) fn form(before: &[(&str, &str)], file: &[u8], after: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| {
        format!("--=b 1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields = |of: &[(&str, &str)]| of.iter().map(field).collect::<String>();
    let head = "--=b 1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n";
    let (before, after) = (fields(before), fields(after));
    [before.as_bytes(), head.as_bytes(), file, b"\r\n", after.as_bytes(), b"--=b 1--\r\n"].concat()
}

/// Bytes with everything in them that frames a form.
pub(crate) fn audio(bytes: usize) -> Vec<u8> {
    let mut audio = b"ID3\r\n--=b 2\r\n--=b\n\r\r\n\0\xff".to_vec();
    audio.extend((0..=255).cycle().take(bytes.saturating_sub(audio.len())));
    audio
}

/// A request whose body is no JSON.
pub(crate) fn upload(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("content-length: {}", body.len());
    let headers = [headers, &[FORM, &length]].concat();
    [&request(method, path, &headers, b"")[..], body].concat()
}

fn transcribe(world: &World, trace: &str, body: &[u8]) -> Answer {
    let bytes = upload("POST", "/v1/audio/transcriptions", &[&traceparent(trace)], body);
    exchange(world.gateway, &bytes)
}

#[test]
fn a_form_reaches_the_provider_byte_for_byte_with_the_model_behind_the_file() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    world.mock.push("/v1/", Scenario::text("What was said."));
    let body = form(&[("language", "en")], &audio(100_000), &[("model", "gpt-4o-transcribe")]);
    let answer = transcribe(&world, &trace, &body);
    assert_eq!((answer.status, answer.json()["text"].as_str()), (200, Some("What was said.")));
    let sent = &world.upstream()[0];
    assert_eq!(sent.path_and_query, "/v1/audio/transcriptions");
    assert!(sent.body == body, "untouched");
    assert_eq!(sent.header("content-type"), Some("multipart/form-data; boundary=\"=b 1\""));
    let span = world.genai(&trace);
    assert_eq!(span.name, "audio_transcription gpt-4o-transcribe");
    assert_attributes(
        &span,
        &[
            ("gen_ai.operation.name", Some("audio_transcription")),
            ("gen_ai.provider.name", Some("openai")),
            ("gen_ai.request.model", Some("gpt-4o-transcribe")),
            ("gen_ai.request.stream", Some("false")),
            ("gen_ai.output.type", Some("text")),
            ("gen_ai.input.messages", None),
            (
                "gen_ai.output.messages",
                Some(r#"[{"role":"assistant","content":"What was said."}]"#),
            ),
            ("gateway.usage.source", Some("reported")),
            ("gateway.outcome", Some("complete")),
            ("gateway.routing.path", Some("passthrough")),
        ],
    );
}

#[test]
fn twenty_mib_of_audio_fall_over_to_a_second_target_under_its_own_model() {
    let world = World::new(MEDIA);
    world.mock.set("broken", Scenario::status(503));
    let trace = trace_id();
    let body = form(&[], &audio(20 * 1024 * 1024), &[("stream", "false"), ("model", "hear")]);
    let answer = transcribe(&world, &trace, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = world.upstream();
    assert_eq!(log.len(), 2);
    for (received, model) in log.iter().zip(["whisper-large", "whisper-1"]) {
        let (head, tail) = body.split_at(body.len() - "hear\r\n--=b 1--\r\n".len());
        let tail = String::from_utf8_lossy(tail).replace("hear", model);
        assert!(received.body == [head, tail.as_bytes()].concat(), "only the model changed");
        assert_eq!(received.header("content-length"), Some(&*received.body.len().to_string()));
    }
    assert_eq!(log[0].header("authorization"), None);
    assert_eq!(log[1].header("authorization"), Some(&*format!("Bearer {OPENAI_KEY}")));
    let span = world.genai(&trace);
    assert_attributes(
        &span,
        &[
            ("gen_ai.request.model", Some("hear")),
            ("gateway.routing.upstream_model", Some("whisper-1")),
            ("gateway.routing.attempt", Some("2")),
            ("gateway.routing.path", Some("managed")),
            ("gen_ai.usage.output_tokens", None),
            ("gateway.usage.source", Some("reported")),
        ],
    );
}

#[test]
fn a_streamed_transcription_passes_untouched_and_is_told() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    let body = form(&[("model", "gpt-4o-transcribe"), ("stream", "true")], &audio(500), &[]);
    world.mock.push("/v1/", Scenario { first_delay_ms: 30, ..Scenario::text("One two three.") });
    world.mock.push("/v1/", Scenario::text("One two three."));
    let answer = transcribe(&world, &trace, &body);
    let sent = &world.upstream()[0];
    assert_eq!(answer.text(), direct(&world, sent).text());
    assert!(answer.text().contains("transcript.text.done"), "{}", answer.text());
    let span = world.genai(&trace);
    assert_attributes(
        &span,
        &[
            ("gen_ai.request.stream", Some("true")),
            ("gateway.outcome", Some("complete")),
            (
                "gen_ai.output.messages",
                Some(r#"[{"role":"assistant","content":"One two three."}]"#),
            ),
        ],
    );
    let ttft = attribute(&span, "gen_ai.server.time_to_first_token").unwrap();
    assert!(ttft.parse::<f64>().unwrap() >= 0.03);
}

#[test]
fn a_stream_that_fails_before_its_first_word_is_answered_by_another_target() {
    for fault in [Fault::ErrorEventAfter(0), Fault::ResetAfterEvents(0)] {
        let world = World::new(MEDIA);
        world.mock.set("broken", Scenario::fault(fault));
        let trace = trace_id();
        let body = form(&[("model", "hear"), ("stream", "true")], &audio(500), &[]);
        let answer = transcribe(&world, &trace, &body);
        assert_eq!((answer.status, world.upstream().len()), (200, 2));
        let text = answer.text();
        assert!(!text.contains("\"error\"") && text.contains("transcript.text.done"), "{text}");
        let span = world.genai(&trace);
        assert_attributes(
            &span,
            &[("gateway.routing.attempt", Some("2")), ("gateway.outcome", Some("complete"))],
        );
    }
}

#[test]
fn a_form_for_a_model_that_nobody_has_is_refused_and_told() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    let answer = transcribe(&world, &trace, &form(&[("model", "nobody")], b"x", &[]));
    assert_eq!((answer.status, answer.header("x-to11-error-code")), (404, Some("UnknownModel")));
    let span = world.genai(&trace);
    assert_eq!(span.name, "audio_transcription nobody");
    assert_attributes(&span, &[("gateway.outcome", Some("rejected"))]);
}

#[test]
fn a_plain_text_transcription_is_captured_too() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    let fields = [("model", "whisper-1"), ("response_format", "text"), ("temperature", "0.2")];
    world.mock.push("/v1/", Scenario::text("C:\\ \"quoted\""));
    let answer = transcribe(&world, &trace, &form(&fields, &audio(500), &[]));
    assert_eq!(answer.text(), "C:\\ \"quoted\"\n");
    let span = world.genai(&trace);
    let kept = attribute(&span, "gen_ai.output.messages").unwrap();
    assert_eq!(kept, r#"[{"role":"assistant","content":"C:\\ \"quoted\""}]"#);
    assert_eq!(attribute(&span, "gen_ai.request.temperature"), Some("0.2"));
}

#[test]
fn a_form_that_could_be_read_in_two_ways_never_leaves() {
    let world = World::new(MEDIA);
    let good = form(&[("model", "whisper-1")], b"x", &[]);
    let twice = form(&[("model", "whisper-1")], b"x", &[("model", "other")]);
    for (body, what, param) in [
        (&form(&[], b"x", &[])[..], "`model` is missing", "model"),
        (&twice, "`model` is given twice", "model"),
        (&good[..good.len() - 6], "not terminated", ""),
        (b"{\"model\":\"whisper-1\"}", "not terminated", ""),
    ] {
        let answer = transcribe(&world, &trace_id(), body);
        assert_eq!((answer.status, answer.header("x-to11-error-code")), (400, Some("bad_request")));
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(what), "{error}");
        assert_eq!(error["param"].as_str().unwrap_or_default(), param);
    }
    let json = r#"{"model":"whisper-1"}"#;
    let answer = post(world.gateway, "/v1/audio/transcriptions", &[], json);
    assert!(answer.text().contains("must be multipart/form-data"), "{}", answer.text());
    assert_eq!((answer.status, world.upstream().len()), (400, 0));
}
