//! Calls of the other endpoints, and calls that go no further than the gateway.

use fastrand::Rng;
use serde_json::{Value, json};
use tollgate_mock::Scenario;

use super::answers::good;
use super::dialect::{CALLERS, CANARY, Counts};
use super::script::{Attempt, Call, Said, Truth, Usage};

const BOUNDARY: &str = "between-7q";

/// Requests that are refused before anybody is asked.
pub(crate) fn refused(rng: &mut Rng) -> Call {
    let caller = CALLERS[rng.usize(..CALLERS.len())];
    let path = caller.path();
    let refused = |refusal| Truth {
        refusal: Some(refusal),
        outcome: "rejected",
        usage: Usage::Unknown,
        ..Truth::default()
    };
    let unknown = format!("nobody-knows-{}", rng.u8(..));
    let body = caller.body(&unknown, rng.bool(), false, &[]);
    match rng.u8(..4) {
        0 | 1 => {
            let stream = body.get("stream").is_some();
            let genai = Some(("chat", unknown));
            let error = Some("request_error");
            Call::post(path, &body, Truth { genai, stream, error, ..refused("UnknownModel") })
        }
        2 => {
            // A call nevertheless, but nobody knows of which model, or whether streamed.
            let genai = Some(("chat", "unknown".to_owned()));
            let error = Some("request_error");
            let truth = Truth { genai, error, ..refused("bad_request") };
            let mut call = Call::post(path, &body, truth);
            call.body.truncate(call.body.len() - 1);
            call
        }
        _ => Call::post("/v1/nothing", &body, refused("bad_request")),
    }
}

/// One of the endpoints that are no chat.
pub(crate) fn media(rng: &mut Rng) -> Call {
    let scenario = good(rng, vec![tollgate_mock::Piece::text(&format!("{CANARY} was said"))]);
    let call = match rng.u8(..5) {
        0 => embeddings(rng, &scenario),
        1 => images(&scenario, rng.bool()),
        2 => speech(&scenario, rng.bool()),
        3 => transcription(&scenario),
        _ => {
            let truth = truth("embeddings", "embed-7q", Usage::Unknown);
            let body = json!({ "model": "embed-7q", "input": format!("{CANARY} a b") });
            let scenario = Scenario { usage: None, ..scenario.clone() };
            let call = Call::post("/v1/embeddings", &body, truth);
            return Call { scenarios: vec![scenario], ..call };
        }
    };
    Call { scenarios: vec![scenario], ..call }
}

fn truth(operation: &'static str, model: &str, usage: Usage) -> Truth {
    Truth {
        genai: Some((operation, model.to_owned())),
        outcome: "complete",
        usage,
        attempts: vec![Attempt { provider: "one-chat".to_owned(), target: None }],
        ..Truth::default()
    }
}

/// What the provider reports of media.
fn reported(scenario: &Scenario) -> Usage {
    let tokens = scenario.usage.unwrap_or_default();
    let counts = Counts { input: Some(tokens.input), output: tokens.output, ..Counts::default() };
    Usage::Reported(counts)
}

/// The provider counts the words.
fn embeddings(rng: &mut Rng, scenario: &Scenario) -> Call {
    let words = rng.usize(1..60);
    let input: Vec<Value> = vec![json!(vec![CANARY; words].join(" ")), json!("two words")];
    let input_tokens = Some(words as u64 + 2);
    let counts = Counts { input: input_tokens, ..Counts::default() };
    let body = json!({ "model": "embed-7q", "input": input });
    let mut truth = truth("embeddings", "embed-7q", Usage::Reported(counts));
    truth.said = Some(Said { id: None, model: scenario.model.clone(), finish: None, text: None });
    Call::post("/v1/embeddings", &body, truth)
}

fn images(scenario: &Scenario, stream: bool) -> Call {
    let mut body = json!({ "model": "gpt-image-7q", "prompt": format!("{CANARY} a cat") });
    if stream {
        body["stream"] = json!(true);
    }
    // The provider says of its models which count tokens: the answer names another one.
    let counts = scenario.model.as_deref().is_some_and(|model| model.starts_with("gpt-image"));
    let usage = if stream || counts { reported(scenario) } else { Usage::Unknown };
    let truth = Truth { stream, ..truth("image_generation", "gpt-image-7q", usage) };
    Call::post("/v1/images/generations", &body, truth)
}

fn speech(scenario: &Scenario, stream: bool) -> Call {
    let mut body =
        json!({ "model": "speech-7q", "input": format!("{CANARY} hello"), "voice": "x" });
    if stream {
        body["stream_format"] = json!("sse");
    }
    let usage = if stream { reported(scenario) } else { Usage::Unknown };
    let truth = Truth { stream, ..truth("audio_speech", "speech-7q", usage) };
    Call::post("/v1/audio/speech", &body, truth)
}

fn transcription(scenario: &Scenario) -> Call {
    let truth = truth("audio_transcription", "hear-7q", reported(scenario));
    let mut call = Call::post("/v1/audio/transcriptions", &Value::Null, truth);
    call.headers = vec![format!("content-type: multipart/form-data; boundary={BOUNDARY}")];
    call.body = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n\
         ID3 {CANARY}\r\n--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n\
         hear-7q\r\n--{BOUNDARY}--\r\n"
    )
    .into_bytes();
    call
}
