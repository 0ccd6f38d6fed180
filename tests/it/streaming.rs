//! The caller's bytes are the upstream's bytes, and arrive when they come.

use std::time::Duration;

use tollgate_mock::{Piece, Scenario};

use crate::client::{Answer, post};
use crate::harness::{World, at_best};

const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]"#;
const ANTHROPIC_TOOLS: &str = r#","tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]"#;

fn chat(model: &str, more: &str) -> String {
    format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"what is the weather?"}}]{more}}}"#
    )
}

fn direct(world: &World, path: &str, body: &str) -> Answer {
    post(world.mock.addr(), path, &[], body)
}

fn assert_same(world: &World, path: &str, body: &str) {
    let (through, without) = (post(world.gateway, path, &[], body), direct(world, path, body));
    assert_eq!(through.status, 200, "{}", through.text());
    assert!(through.complete, "the answer ends cleanly");
    assert_eq!(through.text(), without.text(), "{path} {body}");
    assert_eq!(through.header("content-type"), without.header("content-type"));
}

#[test]
fn chat_answers_are_byte_for_byte_those_of_the_upstream() {
    let world = World::usual();
    for more in ["", TOOLS] {
        for stream in [
            "",
            r#","stream":true"#,
            r#","stream":true,"stream_options":{"include_usage":true}"#,
            r#","stream":true,"stream_options":{"include_usage":false}"#,
            r#","stream" : true , "stream_options" : { }"#,
        ] {
            assert_same(
                &world,
                "/v1/chat/completions",
                &chat("gpt-4o-mini", &format!("{stream}{more}")),
            );
        }
    }
}

#[test]
fn messages_answers_are_byte_for_byte_those_of_the_upstream() {
    let world = World::usual();
    for more in ["", ANTHROPIC_TOOLS] {
        for stream in ["", r#","stream":true"#] {
            let body = chat("claude-sonnet-4-6", &format!(r#","max_tokens":64{stream}{more}"#));
            assert_same(&world, "/v1/messages", &body);
            assert_same(&world, "/v1/messages?beta=true", &body);
        }
    }
}

#[test]
fn events_split_at_any_byte_pass_unchanged() {
    let world = World::usual();
    let body = chat("gpt-4o-mini", r#","stream":true"#);
    let whole = Scenario {
        content: vec![Piece::text("a"), Piece::tool("f", r#"{"a":1}"#)],
        ..Scenario::default()
    };
    let expected = {
        world.mock.push("/v1/", whole.clone());
        direct(&world, "/v1/chat/completions", &body).text()
    };
    for at in (1..expected.len()).step_by(37) {
        world.mock.push("/v1/", Scenario { split_at: vec![at, at + 1], ..whole.clone() });
        let answer = post(world.gateway, "/v1/chat/completions", &[], &body);
        assert_eq!(answer.text(), expected, "split at {at}");
    }
}

#[test]
fn the_request_is_untouched_but_for_what_must_change() {
    let world = World::usual();
    let odd = r#"{ "z":1.50e+3, "model" : "gpt-4o-mini", "unknown":{"b":[1,2 ]}, "messages":[{"role":"user","content":"\u00e9 é"}] }"#;
    post(world.gateway, "/v1/chat/completions", &[], odd);
    assert_eq!(world.upstream()[0].body, odd.as_bytes(), "nothing needs to change");
    let prefixed = odd.replace("gpt-4o-mini", "openai::gpt-4o-mini");
    post(world.gateway, "/v1/chat/completions", &[], &prefixed);
    assert_eq!(world.upstream()[1].body, odd.as_bytes(), "only the model's name changes");
}

#[test]
fn a_stream_paced_at_ten_milliseconds_arrives_so_paced() {
    let world = World::usual();
    let body = chat("gpt-4o-mini", r#","stream":true"#);
    // Side by side with the provider itself: a busy machine brings events together, and late, in both.
    let compare = || {
        (0..2).for_each(|_| world.mock.push("/v1/", Scenario::load(100, 100, 10)));
        std::thread::scope(|scope| {
            let without = scope.spawn(|| pace(&direct(&world, "/v1/chat/completions", &body)));
            let through = pace(&post(world.gateway, "/v1/chat/completions", &[], &body));
            [through, without.join().unwrap()]
        })
    };
    at_best("the pace, with the gateway and without", compare, |[through, without]| {
        through.gaps >= 75.min(without.gaps * 9 / 10)
            && through.median >= Duration::from_millis(7)
            && through.median < Duration::from_millis(14).max(without.median * 5 / 4)
            && through.slow <= 2 + without.slow
    });
}

/// How the pieces of an answer came.
#[derive(Debug)]
struct Pace {
    gaps: usize,
    median: Duration,
    /// Gaps of over 35 ms: a Nagle stall is 40 ms, at the first or the last event above all.
    slow: usize,
}

fn pace(answer: &Answer) -> Pace {
    let mut gaps: Vec<_> = answer.arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    let slow = gaps.iter().filter(|gap| **gap > Duration::from_millis(35)).count();
    Pace { gaps: gaps.len(), median: gaps[gaps.len() / 2], slow }
}

#[test]
fn the_documented_anthropic_base_url_works() {
    let world = World::usual();
    let body = chat("claude-sonnet-4-6", r#","max_tokens":64"#);
    assert_eq!(post(world.gateway, "/v1/v1/messages", &[], &body).status, 200);
    assert_eq!(world.upstream()[0].path_and_query, "/v1/messages");
}
