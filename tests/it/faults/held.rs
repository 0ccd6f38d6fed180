//! How much of a stream is held for a possible fail-over: exactly so many events, so many bytes.

use std::net::SocketAddr;

use tollgate_filters::response::{HELD_BYTES_MAX, HELD_EVENTS_MAX};

use super::of;
use super::raw::{ROLE, begin_stream, chunk, take_request, upstream};
use crate::client::{Answer, post};
use crate::harness::{World, trace_id, traceparent};

const BODY: &str = r#"{"model":"r","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;

/// What the caller sees of a first target that breaks off after these pieces.
fn after(pieces: Vec<String>) -> (Answer, String) {
    let (address, _): (SocketAddr, _) = upstream(move |_, stream, counts| {
        if take_request(stream, counts, |_| ()) {
            begin_stream(stream);
            for piece in &pieces {
                chunk(stream, piece);
            }
        }
    });
    let world = World::new(&format!(
        r#"
providers:
  raw:  {{ base_url: "http://{address}/v1", models: [m], auth_type: none }}
  good: {{ base_url: "{{mock}}/v1", models: [m], auth_type: none }}
targets: {{ one: {{ model: m, provider: raw }}, two: {{ model: m, provider: good }} }}
routes: {{ r: {{ models: [r], strategy: fallback, targets: [one, two] }} }}
routing: {{ retry: {{ max_retries: 0 }} }}
"#
    ));
    let trace = trace_id();
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], BODY);
    assert_eq!(answer.status, 200);
    assert!(answer.complete);
    let target = of(&world.genai(&trace), "gateway.routing.target").to_owned();
    (answer, target)
}

#[test]
fn as_many_events_as_the_window_has_are_held_and_one_more_is_not() {
    let (answer, target) = after(vec![ROLE.to_owned(); HELD_EVENTS_MAX]);
    assert_eq!(target, "two");
    assert!(!answer.text().contains("\"c1\""), "nothing of the first is shown");
    let (answer, target) = after(vec![ROLE.to_owned(); HELD_EVENTS_MAX + 1]);
    assert_eq!(target, "one");
    assert_eq!(answer.text().matches(ROLE).count(), HELD_EVENTS_MAX + 1);
    assert!(answer.text().contains("data: {\"error\":{"), "{}", answer.text());
}

#[test]
fn as_many_bytes_as_the_window_has_are_held_and_one_more_is_not() {
    let comments = |bytes: usize| {
        let half = format!(": {}\n\n", "p".repeat(bytes / 2 - 4));
        let rest = format!(": {}\n\n", "p".repeat(bytes - half.len() - 4));
        assert_eq!(half.len() + rest.len(), bytes);
        vec![half, rest]
    };
    let (answer, target) = after(comments(HELD_BYTES_MAX));
    assert_eq!(target, "two");
    assert!(!answer.text().contains("ppp"));
    let (answer, target) = after(comments(HELD_BYTES_MAX + 1));
    assert_eq!(target, "one");
    assert!(answer.text().starts_with(": ppp"), "{}", &answer.text()[..40]);
    assert!(answer.text().contains("data: {\"error\":{"));
}
