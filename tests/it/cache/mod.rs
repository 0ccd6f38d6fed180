//! The response cache on real sockets: what is told again, to whom, and what never is.

mod admission;
mod directives;
mod flights;
mod hits;
mod replay;
mod sdks;
mod shared;

use crate::client::{Answer, post};
use crate::harness::{World, trace_id, traceparent};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

/// Providers that speak each dialect, with a cache that has this said of it.
fn sections(cache: &str) -> String {
    format!(
        r#"
providers:
  openai:    {{ base_url: "{{mock}}/@usual/v1", models: [gpt-4o, gpt-4o-mini, text-embedding-3-small], auth_type: none }}
  anthropic: {{ base_url: "{{mock}}/@usual/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }}
targets:
  one: {{ model: gpt-4o, provider: openai }}
  two: {{ model: claude-sonnet-4-6, provider: anthropic }}
routes:
  plain:   {{ models: [plain], strategy: single, targets: [one] }}
  forced:  {{ models: [forced], strategy: single, targets: [one], cache: force }}
  never:   {{ models: [never], strategy: single, targets: [one], cache: never }}
  foreign: {{ models: [foreign], strategy: single, targets: [two] }}
functions:
  arms:
    strategy: experiment
    variants:
      a: {{ model: gpt-4o, weight: 1 }}
      b: {{ model: gpt-4o-mini, weight: 1 }}
cache: {{ enabled: true, {cache} }}
pricing: {{ gpt-4o: {{ input: 1000000, output: 1000000, cache_read: 100000 }} }}
"#
    )
}

fn world(cache: &str) -> World {
    World::new(&sections(cache))
}

/// A request that is looked for.
fn body(model: &str, more: &str) -> String {
    let messages = r#"[{"role":"user","content":"hi"}]"#;
    format!(r#"{{"model":"{model}","temperature":0,{more}"max_tokens":64,"messages":{messages}}}"#)
}

/// Asks, and says the trace.
fn ask(world: &World, path: &str, body: &str, headers: &[&str]) -> (Answer, String) {
    let trace = trace_id();
    let parent = traceparent(&trace);
    let headers: Vec<&str> = headers.iter().copied().chain([parent.as_str()]).collect();
    (post(world.gateway, path, &headers, body), trace)
}

/// The status that the response names, with the status line's.
fn said(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.header("x-to11-cache"))
}

/// Asks until an answer is told again: admission comes a moment after the answer's end.
fn ask_until_hit(world: &World, path: &str, body: &str) -> (Answer, String) {
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    loop {
        let (answer, trace) = ask(world, path, body, &["x-to11-cache: only"]);
        if said(&answer) == (200, Some("hit")) {
            return (answer, trace);
        }
        assert!(std::time::Instant::now() < until, "never admitted: {}", answer.text());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Has an answer that lives so shortly told again, and says what it was. Where a machine is busy, its
/// time may be over before anybody looks; then it is asked for anew.
fn ask_in_time(world: &World, path: &str, body: &str) -> Answer {
    crate::harness::at_best(
        "told again in time",
        || {
            ask(world, path, body, &[]);
            world.until_idle();
            ask(world, path, body, &["x-to11-cache: only"]).0
        },
        |answer| said(answer) == (200, Some("hit")),
    )
}

/// Waits until the requests before have ended, then says whether this one would be a hit.
fn is_cached(world: &World, path: &str, body: &str, after: &str) -> bool {
    world.spans(after);
    let (answer, _) = ask(world, path, body, &["x-to11-cache: only"]);
    match said(&answer) {
        (200, Some("hit")) => true,
        (504, Some("miss")) => false,
        other => panic!("{other:?}: {}", answer.text()),
    }
}

/// How often the model was asked.
fn calls(world: &World) -> usize {
    world.upstream().len()
}
