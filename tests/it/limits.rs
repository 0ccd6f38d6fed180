//! Limits and budgets through a real gateway: at N and N + 1, over the end of streams, by target.

use std::io::Write as _;

use tollgate_mock::Scenario;

use crate::client::{Answer, connect, post, read, request};
use crate::harness::{World, attribute, trace_id, traceparent};

const PROVIDERS: &str = r#"
providers:
  openai: { base_url: "{mock}/v1", models: [gpt-4o, gpt-4o-mini], auth_type: none }
  second: { base_url: "{mock}/@second/v1", models: [gpt-4o, spare], auth_type: none }
  claude: { base_url: "{mock}/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }
targets:
  one: { model: gpt-4o, provider: openai }
  two: { model: gpt-4o, provider: second }
routes:
  both: { models: [both], strategy: fallback, targets: [one, two], retry: { max_retries: 0 } }
pricing: { gpt-4o: { input: 1.0, output: 1.0 }, gpt-4o-mini: { input: 1.0, output: 1.0 } }
"#;
const CHAT: &str = "/v1/chat/completions";

fn world(limits: &str) -> World {
    World::new(&format!("{PROVIDERS}limits:\n  {limits}\n"))
}

fn chat(world: &World, headers: &[&str], rest: &str) -> Answer {
    let body = format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{rest}}}"#);
    post(world.gateway, CHAT, headers, &body)
}

#[test]
fn requests_a_minute_are_held_at_n_and_told_in_every_answer() {
    let world = world("rules: { all: { per: all, requests_per_minute: 3 } }");
    let began = std::time::Instant::now();
    for left in ["2", "1", "0"] {
        let answer = chat(&world, &[], r#""model":"gpt-4o-mini""#);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(left));
        let reset: u64 = answer.header("ratelimit-reset").unwrap().parse().unwrap();
        let passed = began.elapsed().as_secs();
        assert!(reset <= 62 && reset + passed >= 55, "{reset} after {passed}");
    }
    let trace = trace_id();
    let refused = chat(&world, &[&traceparent(&trace)], r#""model":"gpt-4o-mini""#);
    assert_eq!((refused.status, refused.header("x-to11-error-code")), (429, Some("rate_limit")));
    assert_eq!(
        (refused.header("ratelimit-limit"), refused.header("ratelimit-remaining")),
        (Some("3"), Some("0"))
    );
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    let passed = began.elapsed().as_secs();
    assert!(after <= 62 && after + passed >= 50, "{after} after {passed}");
    assert_eq!(refused.json()["error"]["code"], "rate_limit");
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
    assert_eq!(attribute(&span, "gateway.limit.kind"), Some("requests"));
    assert_eq!(attribute(&span, "gateway.limit.scope"), Some("all"));
    let claude = post(
        world.gateway,
        "/v1/messages",
        &[],
        r#"{"model":"claude-sonnet-4-6","max_tokens":5,"messages":[]}"#,
    );
    assert_eq!(
        (claude.status, claude.json()["error"]["type"].as_str()),
        (429, Some("rate_limit_error"))
    );
    assert_eq!(world.upstream().len(), 3);
    let metrics = world.running().metrics();
    assert!(
        metrics.contains("gateway_limits_refused_total{limit=\"requests\",scope=\"all\""),
        "{metrics}"
    );
}

#[test]
fn tokens_are_reserved_and_settled_by_what_the_provider_says() {
    let world = world("rules: { all: { per: user, tokens_per_minute: 1000 } }");
    // The mock's answer took 50 and 20; up to 900 are reserved for each.
    for _ in 0..2 {
        let answer = chat(&world, &[], r#""model":"gpt-4o-mini","max_tokens":800"#);
        assert_eq!(answer.status, 200, "{}", answer.text());
        // The answer's end is told a moment before its request's, which settles it.
        world.until_idle();
    }
    let left: u64 = {
        let answer = chat(&world, &[], r#""model":"gpt-4o-mini","max_tokens":1"#);
        answer.header("ratelimit-remaining").unwrap().parse().unwrap()
    };
    assert!((800..=960).contains(&left), "two answers of a few tokens are settled: {left}");
    let large = chat(&world, &[], r#""model":"gpt-4o-mini","max_tokens":1001"#);
    assert_eq!((large.status, large.header("retry-after")), (429, None), "it never fits");
    assert_eq!(large.header("x-should-retry"), Some("false"));
    assert_eq!(
        chat(&world, &["x-to11-user-id: other"], r#""model":"gpt-4o-mini","max_tokens":990"#)
            .status,
        200
    );
}

#[test]
fn trap_19_every_dialect_streamed_or_not_is_settled_by_what_it_used() {
    for path in [CHAT, "/v1/messages", "/v1/responses"] {
        for stream in [true, false] {
            let world = world("rules: { all: { per: all, tokens_per_minute: 1000 } }");
            let (model, field) = match path {
                "/v1/messages" => ("claude-sonnet-4-6", "max_tokens"),
                "/v1/responses" => ("gpt-4o-mini", "max_output_tokens"),
                _ => ("gpt-4o-mini", "max_tokens"),
            };
            let said = if path == "/v1/responses" {
                r#""input":"hi""#
            } else {
                r#""messages":[{"role":"user","content":"hi"}]"#
            };
            let body = format!(r#"{{"model":"{model}",{said},"{field}":800,"stream":{stream}}}"#);
            for turn in 0..3 {
                let answer = post(world.gateway, path, &[], &body);
                assert_eq!(answer.status, 200, "{path} {stream} {turn}: {}", answer.text());
                // The answer's end is told a moment before its request's.
                world.until_idle();
            }
            let metrics = world.running().metrics();
            let settled =
                metrics.lines().find(|it| it.starts_with("gateway_limits_tokens_settled_total"));
            assert!(settled.is_some_and(|line| !line.ends_with(" 0")), "{path}: {settled:?}");
        }
    }
}

/// An answer of so many words, one after the other.
fn words(count: usize, gap_ms: u64) -> Scenario {
    Scenario { gap_ms, ..Scenario::text(&"word ".repeat(count)) }
}

#[test]
fn a_stream_is_cut_at_the_limit_with_the_dialects_error_or_finished_and_counted() {
    for (on_exceed, path, model, event) in [
        ("cut", CHAT, "gpt-4o-mini", "\"code\":\"rate_limit\""),
        ("cut", "/v1/messages", "claude-sonnet-4-6", "event: error"),
        ("finish", CHAT, "gpt-4o-mini", "[DONE]"),
    ] {
        let world = world(&format!(
            "on_exceed: {on_exceed}\n  output_tokens_default: 10\n  rules: {{ all: {{ per: all, tokens_per_minute: 150 }} }}"
        ));
        world.mock.push("/v1", words(400, 0));
        let trace = trace_id();
        let max = if path == CHAT { "" } else { r#","max_tokens":10"# };
        let body = format!(
            r#"{{"model":"{model}","stream":true{max},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let answer = post(world.gateway, path, &[&traceparent(&trace)], &body);
        assert!(answer.complete && answer.status == 200, "a clean end");
        let text = answer.text();
        let count = text.matches("word").count();
        assert!(text.contains(event), "{on_exceed} {path}: {text}");
        let span = world.genai(&trace);
        if on_exceed == "cut" {
            assert!((60..=300).contains(&count), "{count}");
            assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
            assert_eq!(attribute(&span, "gateway.error.class"), Some("rate_limit"));
            assert_eq!(attribute(&span, "gateway.limit.kind"), Some("tokens"));
            assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"));
            assert!(world.running().metrics().contains("gateway_limits_streams_cut_total"));
        } else {
            assert_eq!(count, 400);
            assert_eq!(attribute(&span, "gateway.outcome"), Some("complete"));
        }
        let next = chat(&world, &[], r#""model":"gpt-4o-mini","max_tokens":100"#);
        assert_eq!(next.status, 429, "what the stream used counts");
    }
}

#[test]
fn what_a_caller_who_leaves_held_comes_back_but_for_what_it_used() {
    let world = world("rules: { all: { per: all, concurrency_max: 1, tokens_per_minute: 1000 } }");
    world.mock.push("/v1", words(200, 200));
    let body = r#"{"model":"gpt-4o-mini","stream":true,"max_tokens":900,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut leaving = connect(world.gateway);
    leaving.write_all(&request("POST", CHAT, &[], body.as_bytes())).unwrap();
    assert_eq!(read(&mut leaving, 12).unwrap().status, 200);
    let busy = chat(&world, &[], r#""model":"gpt-4o-mini","max_tokens":1"#);
    drop(leaving);
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("1")), "{}", busy.text());
    world.until_idle();
    let answer = chat(&world, &[], r#""model":"gpt-4o-mini","max_tokens":700"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_budget_is_spent_by_price_and_refuses_without_a_useless_retry() {
    let world =
        world("rules: { purse: { per: model, match: [gpt-4o-mini], budget: { day: 0.0011 } } }");
    let body = r#""model":"gpt-4o-mini","max_tokens":500"#;
    assert_eq!(chat(&world, &[], body).status, 200);
    let trace = trace_id();
    let big = chat(&world, &[&traceparent(&trace)], r#""model":"gpt-4o-mini","max_tokens":1090"#);
    assert_eq!(
        (big.status, big.header("x-to11-error-code")),
        (429, Some("quota")),
        "{}",
        big.text()
    );
    assert_eq!(big.header("x-should-retry"), Some("false"));
    assert!(big.header("retry-after").unwrap().parse::<u64>().unwrap() <= 86_400);
    assert!(big.text().contains("0.0011 USD a day"), "{}", big.text());
    assert_eq!(attribute(&world.genai(&trace), "gateway.limit.kind"), Some("budget_day"));
    assert_eq!(
        chat(&world, &[], r#""model":"gpt-4o","max_tokens":1090"#).status,
        200,
        "another model"
    );
}

#[test]
fn a_target_at_its_limit_is_passed_over_and_when_all_are_the_caller_is_told() {
    let world =
        world("rules: { each: { per: target, match: [one, two], requests_per_minute: 2 } }");
    let mut via = Vec::new();
    for _ in 0..4 {
        let trace = trace_id();
        let answer = chat(&world, &[&traceparent(&trace)], r#""model":"both""#);
        assert_eq!(answer.status, 200, "{}", answer.text());
        via.push(attribute(&world.genai(&trace), "gateway.routing.target").unwrap().to_owned());
    }
    assert_eq!(via, ["one", "one", "two", "two"]);
    let trace = trace_id();
    let refused = chat(&world, &[&traceparent(&trace)], r#""model":"both""#);
    assert_eq!(
        (refused.status, refused.header("x-to11-error-code")),
        (429, Some("rate_limit")),
        "{}",
        refused.text()
    );
    assert!(refused.header("retry-after").is_some());
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.limit.scope"), Some("target"));
    assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"));
    assert_eq!(world.upstream().len(), 4);
}
