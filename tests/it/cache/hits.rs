//! What a hit is: the first answer's bytes, its own headers, and a span that tells both.

use tollgate_mock::{Scenario, Tokens};

use super::{
    CHAT, MESSAGES, RESPONSES, ask, ask_in_time, ask_until_hit, body, calls, is_cached, said,
    sections, world,
};
use crate::harness::{World, attribute};

#[test]
fn a_plain_answer_is_told_again_byte_for_byte_and_asks_no_upstream() {
    let world = world("");
    let scenario = Scenario { unique: true, ..Scenario::text("Once.") };
    world.mock.set("usual", scenario);
    for (path, model) in
        [(CHAT, "gpt-4o"), (CHAT, "plain"), (MESSAGES, "claude-sonnet-4-6"), (CHAT, "foreign")]
    {
        let (before, began) = (calls(&world), std::time::Instant::now());
        let body = body(model, "");
        let (first, _) = ask(&world, path, &body, &[]);
        assert_eq!(said(&first), (200, Some("miss")), "{}", first.text());
        assert_eq!(first.header("age"), None);
        let (again, _) = ask_until_hit(&world, path, &body);
        let passed = began.elapsed().as_secs();
        assert_eq!(again.text(), first.text());
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.header("content-length"), Some(&*again.body.len().to_string()));
        let age: u64 = again.header("age").unwrap().parse().unwrap();
        assert!(age <= passed, "{age} s old, {passed} s after it was asked for");
        assert_ne!(again.header("x-to11-request-id"), first.header("x-to11-request-id"));
        assert_eq!(calls(&world), before + 1, "{path} {model}");
    }
}

#[test]
fn the_span_of_a_hit_tells_the_first_answers_usage_and_what_was_saved() {
    let world = world("");
    let usage = Tokens { input: 30, output: Some(12), cached: 10, ..Tokens::default() };
    let scenario = Scenario { usage: Some(usage), ..Scenario::text("Once.") };
    world.mock.push("/", scenario);
    let body = body("plain", "");
    let began = std::time::Instant::now();
    let (_, miss) = ask(&world, CHAT, &body, &[]);
    let (_, hit) = ask_until_hit(&world, CHAT, &body);
    let passed = began.elapsed().as_secs_f64();
    let (miss, hit) = (world.genai(&miss), world.genai(&hit));
    for name in [
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gateway.usage.source",
        "gateway.usage.currency",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.request.temperature",
    ] {
        assert_eq!(attribute(&hit, name), attribute(&miss, name), "{name}");
        assert!(attribute(&hit, name).is_some(), "{name}");
    }
    for (name, of_miss, of_hit) in [
        ("gen_ai.cache.status", Some("miss"), Some("hit")),
        ("gateway.outcome", Some("complete"), Some("cached")),
        ("gateway.cache.saved_tokens", None, Some("42")),
        ("gateway.routing.attempt", Some("1"), None),
        ("server.address", Some("127.0.0.1"), None),
    ] {
        assert_eq!((attribute(&miss, name), attribute(&hit, name)), (of_miss, of_hit), "{name}");
    }
    let number = |span, name| attribute(span, name).map(|text| text.parse::<f64>().unwrap());
    let paid = number(&miss, "gateway.usage.cost");
    assert!(paid > Some(0.0));
    assert_eq!(number(&hit, "gateway.cache.saved_cost"), paid);
    assert_eq!(number(&hit, "gateway.usage.cost"), Some(0.0));
    let age = number(&hit, "gen_ai.cache.age_seconds").unwrap();
    assert!((0.0..=passed).contains(&age), "{age} s old, {passed} s after it was asked for");
    let text = world.running().metrics();
    for status in ["hit", "miss"] {
        let counted = text.lines().find(|line| {
            line.starts_with("gateway_cache_lookups_total")
                && line.contains(&format!("\"{status}\""))
        });
        assert!(counted.is_some(), "{status}: {text}");
    }
    for (name, number) in [("saved_tokens", "42"), ("saved_cost", "33")] {
        let prefix = format!("gateway_cache_{name}_total{{");
        let line = text.lines().find(|line| line.starts_with(&prefix)).unwrap();
        assert!(line.ends_with(&format!(" {number}")), "{line}");
    }
    assert!(
        text.contains(
            "gateway_cache_answers_total{result=\"admitted\",otel_scope_name=\"tollgate\"} 1"
        ),
        "{text}"
    );
    assert!(text.contains("gateway_cache_entries{otel_scope_name=\"tollgate\"} 1"), "{text}");
}

#[test]
fn requests_that_ask_the_same_in_other_words_get_one_answer() {
    let world = world("");
    let (_, trace) = ask(&world, CHAT, &body("gpt-4o", r#""user":"a","stream":false,"#), &[]);
    let same = r#" { "messages":[{"content":"hi","role":"user"}], "max_tokens":6.4e1,
        "metadata":{"a":"b"}, "user":"b", "temperature":0.0, "model":"gpt-4o" } "#;
    assert!(is_cached(&world, CHAT, same, &trace));
    let other = body("gpt-4o", r#""seed":1,"#);
    assert!(!is_cached(&world, CHAT, &other, &trace));
    assert!(!is_cached(&world, CHAT, &body("gpt-4o-mini", ""), &trace));
}

#[test]
fn what_depends_on_chance_or_does_more_than_ask_is_skipped() {
    let world = world("");
    let skipped = [
        (CHAT, r#"{"model":"gpt-4o","messages":[]}"#.to_owned()),
        (CHAT, r#"{"model":"gpt-4o","temperature":null,"messages":[]}"#.to_owned()),
        (CHAT, r#"{"model":"gpt-4o","temperature":0.1,"messages":[]}"#.to_owned()),
        (CHAT, body("gpt-4o", r#""stream":true,"#)),
        (CHAT, body("never", "")),
        (CHAT, body("arms", "")),
        (
            RESPONSES,
            r#"{"model":"gpt-4o","temperature":0,"input":"hi","background":true}"#.to_owned(),
        ),
        (
            RESPONSES,
            r#"{"model":"gpt-4o","temperature":0,"input":"hi","tools":[{"type":"web_search"}]}"#
                .to_owned(),
        ),
        ("/v1/images/generations", r#"{"model":"gpt-4o","prompt":"a cat"}"#.to_owned()),
    ];
    for (path, body) in skipped {
        let before = calls(&world);
        let (first, _) = ask(&world, path, &body, &[]);
        let (again, trace) = ask(&world, path, &body, &[]);
        assert_eq!(first.header("x-to11-cache"), Some("skip"), "{path} {body}");
        assert_eq!(again.header("x-to11-cache"), Some("skip"), "{path} {body}");
        assert_eq!(calls(&world), before + 2, "{path} {body}");
        assert_eq!(attribute(&world.genai(&trace), "gen_ai.cache.status"), Some("skip"));
        let (only, _) = ask(&world, path, &body, &["x-to11-cache: only"]);
        assert_eq!(only.status, 504, "{path} {body}");
    }
}

#[test]
fn force_looks_for_what_chance_has_a_part_in_and_embeddings_need_none() {
    let world = world("");
    for (path, body) in [
        (CHAT, r#"{"model":"forced","messages":[]}"#),
        (CHAT, r#"{"model":"forced","temperature":1.5,"messages":[]}"#),
        ("/v1/embeddings", r#"{"model":"text-embedding-3-small","input":"a"}"#),
    ] {
        let (first, _) = ask(&world, path, body, &[]);
        let (again, _) = ask_until_hit(&world, path, body);
        assert_eq!(again.text(), first.text(), "{path} {body}");
    }
    let everywhere = super::world("mode: force");
    let (first, _) = ask(&everywhere, CHAT, &body("arms", ""), &[]);
    let (again, _) = ask_until_hit(&everywhere, CHAT, &body("arms", ""));
    assert_eq!(again.text(), first.text());
    assert_eq!(again.header("x-gateway-variant"), first.header("x-gateway-variant"));
}

#[test]
fn no_caller_gets_what_another_one_asked_for() {
    let world = world("");
    let body = body("gpt-4o", "");
    let headers = [
        "authorization: Bearer sk-a",
        "authorization: Bearer sk-b",
        "x-api-key: sk-a",
        "api-key: sk-a",
        "x-goog-api-key: sk-a",
        "cookie: sk-a",
        "x-anything: sk-a",
    ];
    for header in headers {
        let (answer, _) = ask(&world, CHAT, &body, &[header]);
        assert_eq!(said(&answer), (200, Some("miss")), "{header}");
    }
    for header in headers {
        let (answer, _) = ask(&world, CHAT, &body, &[header]);
        assert_eq!(said(&answer), (200, Some("hit")), "{header}");
    }
    for apart in ["anthropic-beta: a", "openai-beta: b", "x-genai-provider: openai"] {
        let (answer, _) = ask(&world, CHAT, &body, &[apart]);
        assert_eq!(said(&answer), (200, Some("miss")), "{apart}");
    }
    let (answer, _) = ask(&world, "/v1/chat/completions?api-version=2", &body, &[]);
    assert_eq!(said(&answer), (200, Some("miss")));
    assert_eq!(calls(&world), headers.len() + 4);
}

#[test]
fn an_answer_lives_as_long_as_it_may_and_not_beyond_its_configuration() {
    let world = world("ttl_secs: 1");
    let body = body("gpt-4o", "");
    ask_in_time(&world, CHAT, &body);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let (answer, _) = ask(&world, CHAT, &body, &[]);
    assert_eq!(said(&answer), (200, Some("miss")), "its time is over");
    ask_in_time(&world, CHAT, &body);
    let text = world.whole(&sections("ttl_secs: 2"));
    std::fs::write(world.config(), text).unwrap();
    assert_eq!(world.running().reload(), Some(tollgate::reload::Reload::Applied));
    let (answer, _) = ask(&world, CHAT, &body, &["x-to11-cache: only"]);
    assert_eq!(said(&answer), (504, Some("miss")), "another configuration");
}

#[test]
fn without_a_cache_nothing_says_so() {
    let world = World::new(&sections("").replace("cache: { enabled: true,", "cache: {"));
    let (answer, trace) = ask(&world, CHAT, &body("gpt-4o", ""), &[]);
    assert_eq!(said(&answer), (200, None));
    assert_eq!(attribute(&world.genai(&trace), "gen_ai.cache.status"), None);
    let (only, _) = ask(&world, CHAT, &body("gpt-4o", ""), &["x-to11-cache: only"]);
    assert_eq!(only.status, 504, "nothing else was to be asked");
    assert_eq!(calls(&world), 1);
}
