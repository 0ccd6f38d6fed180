//! What other gateways got wrong in counting, a test each: the numbers are those of the list in
//! `docs/traps.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use tollgate_providers::Usage;
use tollgate_telemetry::export::Exporters;
use tollgate_telemetry::genai::{
    CacheStatus, CacheUse, Call, Cost, GenAi, Http, Outcome, Response, StreamTiming, UsageSource,
    span_tree,
};
use tollgate_telemetry::metrics::{Metrics, Retries};
use tollgate_telemetry::{SpanId, TraceContext};

fn call(usage: Usage, first: u64, last: u64, end: u64) -> Call {
    let timing = StreamTiming {
        first_content: Some(Duration::from_secs(first)),
        last_content: Some(Duration::from_secs(last)),
        duration: Duration::from_secs(end),
        ..StreamTiming::default()
    };
    let genai = GenAi {
        end_ns: end * 1_000_000_000,
        operation: "chat",
        provider: Some("acme".into()),
        request_model: "m".into(),
        stream: true,
        outcome: Outcome::Complete,
        response: Response {
            usage: Some(usage),
            usage_source: UsageSource::Reported,
            ..Response::default()
        },
        timing: Some(timing),
        ..GenAi::default()
    };
    Call {
        trace: TraceContext::root(1),
        http_span: SpanId::new(1),
        genai_span: SpanId::new(2),
        start_ns: 0,
        end_ns: end * 1_000_000_000,
        http: Http { route: "/v1/chat/completions", ..Http::default() },
        genai: Some(Box::new(genai)),
    }
}

/// An attribute of the GenAI span as a number.
fn attribute(usage: Usage, name: &str) -> Option<u64> {
    let spans = span_tree(&call(usage, 1, 2, 2), &mut || SpanId::new(3));
    let span = spans.iter().find(|span| span.name == "chat m").unwrap();
    span.attribute(name).map(|value| value.to_string().parse().unwrap())
}

/// The sum of a histogram of seconds in `/metrics`.
fn sum(call: &Call, name: &str) -> Option<f64> {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.record(call, &Retries::default());
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}_sum")))?;
    Some(line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// The same answer as both kinds of provider report it: 10 tokens new, 60 read, 30 written.
fn same_answer() -> [Usage; 2] {
    let common = Usage {
        output: Some(5),
        cache_read: Some(60),
        cache_creation: Some(30),
        ..Usage::default()
    };
    [
        Usage { input: Some(100), ..common },
        Usage { input: Some(10), input_excludes_cache: true, ..common },
    ]
}

#[test]
fn trap_13_the_span_has_all_input_once_and_the_providers_own_numbers_beside_it() {
    for usage in same_answer() {
        assert_eq!(attribute(usage, "gen_ai.usage.input_tokens"), Some(100), "{usage:?}");
        assert_eq!(attribute(usage, "gen_ai.usage.cache_read.input_tokens"), Some(60));
        assert_eq!(attribute(usage, "gen_ai.usage.cache_creation.input_tokens"), Some(30));
    }
}

#[test]
fn trap_14_cached_tokens_are_always_a_part_of_input_for_a_backend_that_subtracts_them() {
    for usage in same_answer() {
        let input = attribute(usage, "gen_ai.usage.input_tokens").unwrap();
        let read = attribute(usage, "gen_ai.usage.cache_read.input_tokens").unwrap();
        let written = attribute(usage, "gen_ai.usage.cache_creation.input_tokens").unwrap();
        // What such a backend shows as input at full price.
        assert_eq!(input.checked_sub(read + written), Some(10), "{usage:?}");
    }
    // The counter of tokens says what the span says.
    for usage in same_answer() {
        let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
        metrics.record(&call(usage, 1, 2, 2), &Retries::default());
        let text = metrics.render();
        let line = text
            .lines()
            .find(|line| {
                line.contains("token_usage") && line.contains("_sum") && line.contains("\"input\"")
            })
            .unwrap_or_else(|| panic!("{text}"));
        assert!(line.ends_with(" 100"), "{line}");
    }
}

#[test]
fn trap_15_a_cache_write_is_on_the_span_whoever_reports_it() {
    let [openai, _] = same_answer();
    let unsplit = Usage { cache_creation_5m: None, cache_creation_1h: None, ..openai };
    assert_eq!(attribute(unsplit, "gen_ai.usage.cache_creation.input_tokens"), Some(30));
    assert_eq!(attribute(unsplit, "gen_ai.usage.cache_creation_5m.input_tokens"), None);
    let none = Usage { cache_creation: None, ..openai };
    assert_eq!(attribute(none, "gen_ai.usage.cache_creation.input_tokens"), None, "absent, not 0");
}

#[test]
fn trap_16_time_per_token_is_over_the_gaps_between_tokens_and_needs_two() {
    let name = "gen_ai_server_time_per_output_token_seconds";
    let tokens = |output: u64| Usage { output: Some(output), ..Usage::default() };
    // First content after 10 s, the end after 20 s: ten gaps between eleven tokens.
    assert_eq!(sum(&call(tokens(11), 10, 20, 20), name), Some(1.0));
    // (end - first content) / (n - 1): the end is that of the stream, whatever its last events were.
    assert_eq!(sum(&call(tokens(11), 10, 18, 20), name), Some(1.0));
    assert_eq!(sum(&call(tokens(2), 10, 20, 20), name), Some(10.0));
    for few in [0, 1] {
        assert_eq!(sum(&call(tokens(few), 10, 20, 20), name), None, "{few}");
    }
    // Reasoning that the provider counts beside the answer is generated, too.
    let beside = Usage { reasoning: Some(8), output_excludes_reasoning: true, ..tokens(3) };
    assert_eq!(sum(&call(beside, 10, 20, 20), name), Some(1.0));
}

#[test]
fn trap_21_an_answer_from_the_cache_has_its_real_usage_and_what_was_saved() {
    let [usage, _] = same_answer();
    let mut cached = call(usage, 1, 2, 2);
    let genai = cached.genai.as_mut().unwrap();
    genai.outcome = Outcome::Cached;
    genai.cache = Some(CacheUse {
        status: CacheStatus::Hit,
        age: Some(Duration::from_secs(3)),
        saved_tokens: Some(105),
        saved_cost: Some(Cost { amount: 0.25, currency: "EUR".into() }),
    });
    let spans = span_tree(&cached, &mut || SpanId::new(3));
    let span = spans.iter().find(|span| span.name == "chat m").unwrap();
    for (name, value) in [
        ("gen_ai.usage.input_tokens", "100"),
        ("gen_ai.usage.output_tokens", "5"),
        ("gen_ai.cache.status", "hit"),
        ("gateway.cache.saved_tokens", "105"),
        ("gateway.cache.saved_cost", "0.25"),
        ("gateway.usage.currency", "EUR"),
        ("gateway.outcome", "cached"),
    ] {
        assert_eq!(span.attribute(name).map(ToString::to_string).as_deref(), Some(value), "{name}");
    }
    assert_eq!(span.attribute("gateway.usage.cost"), None, "it cost nothing this time");
}
