//! Recordings, whole and in pieces.

use serde_json::json;

use super::{Api, Cut, inspect};
use crate::EndpointKind;
use crate::fixtures::sse;
use crate::provider::Dialect;

const CUTS: [Cut; 5] = [Cut::Whole, Cut::Small, Cut::Random(0), Cut::Random(1), Cut::Random(99)];

#[test]
fn a_plain_body_is_told_from_a_stream() {
    let body = br#" {"id":"c","model":"m","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
    let told = inspect(Dialect::Chat, body, Cut::Whole).to_json();
    assert_eq!(
        (&told["text"], &told["n_events"], &told["first"]),
        (&json!("hi"), &json!(0), &json!({}))
    );
    let stream =
        sse(&[r#"{"id":"c","choices":[{"index":0,"delta":{"content":"h\u00e9"}}]}"#, "[DONE]"]);
    for cut in CUTS {
        let told = inspect(Dialect::Chat, stream.as_bytes(), cut);
        assert_eq!((told.text(), told.is_done()), ("hé", true));
    }
}

#[test]
fn every_cut_feeds_every_byte_in_order_and_each_seed_cuts_elsewhere() {
    let bytes: Vec<u8> = (0..5_000u32).map(|n| n as u8).collect();
    let cut = |cut: Cut| {
        let mut pieces = Vec::new();
        cut.pieces(&bytes, &mut |piece| pieces.push(piece.to_vec()));
        pieces
    };
    for way in CUTS {
        assert_eq!(cut(way).concat(), bytes, "{way:?}");
    }
    assert_eq!(cut(Cut::Whole).len(), 1);
    assert_ne!(cut(Cut::Random(1)), cut(Cut::Random(2)));
    assert_eq!(cut(Cut::Random(1)), cut(Cut::Random(1)));
}

#[test]
fn a_call_begins_where_its_dialect_says_so() {
    let opener = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]}}]}"#;
    let piece = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#;
    let chat = inspect(Dialect::Chat, sse(&[opener, piece]).as_bytes(), Cut::Small).to_json();
    assert_eq!(chat["first"], json!({ "tool": 0 }));
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"t","name":"f","arguments":""}}"#;
    let delta =
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}"#;
    let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"t","name":"f","arguments":"{}"}}"#;
    let told =
        |events: &[&str]| inspect(Dialect::Responses, sse(events).as_bytes(), Cut::Small).to_json();
    assert_eq!(told(&[added, delta, done])["first"], json!({ "tool_start": 0, "tool": 1 }));
    let silent = told(&[added, done]);
    assert_eq!(
        (&silent["first"], &silent["tool_calls"][0]["arguments"]),
        (&json!({ "tool_start": 0 }), &json!("{}"))
    );
}

#[test]
fn answers_of_other_endpoints_are_read_in_all_their_forms() {
    let told = |kind, body: &str, cut| inspect(Api::Other(kind), body.as_bytes(), cut).to_json();
    for cut in CUTS {
        let vectors = r#"{"object":"list","data":[{"index":0,"embedding":"AAAA"}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
        let said = told(EndpointKind::Embeddings, vectors, cut);
        assert_eq!((&said["model"], &said["usage"]["input_tokens"]), (&json!("e"), &json!(8)));
        let transcript = r#"{"text":"Halló","usage":{"type":"duration","seconds":37}}"#;
        let said = told(EndpointKind::AudioTranscription, transcript, cut);
        assert_eq!(said["text"], "Halló");
        assert_eq!(said["usage"], json!({ "type": "duration", "seconds": 37 }));
        let pieces = concat!(
            "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hal\"}\r\n\r\n",
            "data: {\"type\":\"transcript.text.delta\",\"delta\":\"ló\"}\r\n\r\n",
            "data: {\"type\":\"transcript.text.done\",\"text\":\"Halló\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"output_tokens\":4,\"total_tokens\":18}}\r\n\r\n",
        );
        let said = told(EndpointKind::AudioTranscription, pieces, cut);
        assert_eq!((&said["text"], &said["usage"]["output_tokens"]), (&json!("Halló"), &json!(4)));
        assert_eq!((&said["first"], &said["n_events"]), (&json!({ "text": 0 }), &json!(3)));
        let image = "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"AAAA\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"total_tokens\":11}}\n\n";
        let said = told(EndpointKind::ImageGeneration, image, cut);
        assert_eq!(
            (&said["first"], &said["usage"]["total_tokens"]),
            (&json!({ "image": 0 }), &json!(11))
        );
        let error = r#"{"error":{"message":"no","type":"invalid_request_error"}}"#;
        assert_eq!(told(EndpointKind::ImageGeneration, error, cut)["error"], "no");
        assert_eq!(
            told(EndpointKind::AudioTranscription, "1\n00:00 --> 00:01\nHalló\n", cut)["text"],
            "1\n00:00 --> 00:01\nHalló"
        );
    }
}
