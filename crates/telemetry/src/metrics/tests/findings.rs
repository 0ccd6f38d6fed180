//! Gaps, stalls, guardrails, cost, cache and what is told of a call that broke.

use std::time::Duration;

use super::{bounds, call, stream, value};
use crate::export::Exporters;
use crate::genai::{
    CacheStatus, CacheUse, Cost, GenAi, Outcome, StreamTiming, Violation, build_spans, span_tree,
};
use crate::metrics::call::GAPS_MAX;
use crate::metrics::{Metrics, Retries};
use crate::span::SpanId;

fn rendered(genai: GenAi) -> String {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.record(&call(Some(genai)), &Retries::default());
    metrics.render()
}

#[test]
fn gaps_are_recorded_each_at_the_end_of_their_stream_with_its_dimensions() {
    let gaps = vec![(Duration::from_millis(3), 40), (Duration::from_secs(3), 2)];
    let text = rendered(GenAi { gaps, ..stream() });
    let count = ["gateway_stream_gap_seconds_count", "gen_ai_request_model=\"m\""];
    assert_eq!(value(&text, &count), Some(42));
    let sum = text.lines().find(|line| line.starts_with("gateway_stream_gap_seconds_sum")).unwrap();
    let sum: f64 = sum.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((sum - 6.12).abs() < 1e-9, "{sum}");
    assert!(bounds(&text, "gateway_stream_gap_seconds").contains(&2.0), "where a stall begins");
    assert_eq!(value(&text, &["gateway_stream_gap_seconds_bucket", "le=\"2\""]), Some(40));
    let server = ["gateway_stream_gap_seconds_count", "server_address=\"api.test\""];
    assert_eq!(value(&text, &server), Some(42));
}

#[test]
fn a_stream_with_very_many_gaps_is_recorded_in_its_shares() {
    let of = |count| vec![(Duration::from_millis(3), count), (Duration::from_secs(3), 1)];
    let count = |gaps| {
        let text = rendered(GenAi { gaps, ..stream() });
        value(&text, &["gateway_stream_gap_seconds_count"])
    };
    assert_eq!(count(of(GAPS_MAX - 1)), Some(u64::from(GAPS_MAX)), "each");
    assert_eq!(count(of(GAPS_MAX)), Some(u64::from(GAPS_MAX / 2) + 1), "every other, and the rare");
}

#[test]
fn stalls_are_counted() {
    let timing = StreamTiming { stalls: 3, ..stream().timing.unwrap() };
    let text = rendered(GenAi { timing: Some(timing), ..stream() });
    assert_eq!(value(&text, &["gateway_stream_stalls_total", "\"openai\""]), Some(3));
    assert!(!rendered(stream()).contains("gateway_stream_stalls_total{"), "none, no series");
}

#[test]
fn what_guardrails_find_is_counted_by_detector_and_direction() {
    let of = |detector, direction, count| Violation {
        detector,
        direction,
        count,
        ..Violation::default()
    };
    let violations = vec![of("pii", "input", 3), of("pii", "input", 1), of("secrets", "output", 1)];
    // A request that a guardrail blocks counts, too.
    for outcome in [Outcome::Complete, Outcome::Rejected] {
        let text = rendered(GenAi { violations: violations.clone(), outcome, ..stream() });
        let name = "gen_ai_client_guardrail_violations_total";
        let by = |detector, direction| value(&text, &[name, detector, direction]);
        let detector = "gen_ai_guardrail_detector=\"pii\"";
        assert_eq!(by(detector, "gen_ai_guardrail_direction=\"input\""), Some(4), "{text}");
        assert_eq!(by(detector, "gen_ai_guardrail_direction=\"output\""), None);
        assert_eq!(by("\"secrets\"", "\"output\""), Some(1));
    }
}

#[test]
fn bounds_of_guardrails_are_counted_when_they_are_reached() {
    let guardrail_bounds = vec![("held_bytes", 2), ("texts", 5)];
    let text = rendered(GenAi { guardrail_bounds, ..stream() });
    let of = |bound| value(&text, &["gateway_guardrail_bounds_reached_total", "\"m\"", bound]);
    assert_eq!((of("\"held_bytes\""), of("\"texts\"")), (Some(2), Some(5)), "{text}");
    assert!(!rendered(stream()).contains("bounds_reached_total{"), "none, no series");
}

#[test]
fn an_answer_that_is_kept_back_was_made_and_is_paid_for() {
    let text = rendered(GenAi { outcome: Outcome::Rejected, ..stream() });
    assert_eq!(value(&text, &["gen_ai_client_token_usage_sum", "\"output\""]), Some(11), "{text}");
    let refused = GenAi { outcome: Outcome::Rejected, provider: None, ..stream() };
    assert!(!rendered(refused).contains("gen_ai_client_token_usage_sum"));
}

#[test]
fn cost_adds_up_by_model_and_currency_and_unknown_is_no_cost() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    for amount in [0.25, 0.5, f64::NAN, -1.0] {
        let mut priced = stream();
        priced.response.cost = Some(Cost { amount, currency: "EUR".into() });
        metrics.record(&call(Some(priced)), &Retries::default());
    }
    metrics.record(&call(Some(stream())), &Retries::default());
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with("gateway_usage_cost_total{")).unwrap();
    assert!(line.ends_with(" 0.75"), "{line}");
    assert!(line.contains("gateway_usage_currency=\"EUR\""), "{line}");
    assert!(line.contains("gen_ai_request_model=\"m\""), "{line}");
}

#[test]
fn the_cache_is_counted_by_status_and_a_hit_asks_no_upstream() {
    for status in [CacheStatus::Hit, CacheStatus::Miss, CacheStatus::Skip] {
        let cache = CacheUse { status, age: None, saved_tokens: None, saved_cost: None };
        let outcome = if status == CacheStatus::Hit { Outcome::Cached } else { Outcome::Complete };
        let text = rendered(GenAi { cache: Some(cache), outcome, ..stream() });
        let label = format!("gen_ai_cache_status=\"{}\"", status.name());
        assert_eq!(value(&text, &["gateway_cache_lookups_total", &*label]), Some(1), "{text}");
        let asked = text.contains("gen_ai_server_request_duration_seconds_count");
        assert_eq!(asked, status != CacheStatus::Hit);
    }
}

#[test]
fn requests_that_are_model_calls_can_be_told_from_others() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.record(&call(Some(stream())), &Retries::default());
    metrics.record(&call(None), &Retries::default());
    let text = metrics.render();
    let of = |line: &&str| line.starts_with("gateway_requests_finished_total{");
    let lines: Vec<_> = text.lines().filter(of).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let calls = lines.iter().filter(|it| it.contains("gen_ai_operation_name=\"chat\"")).count();
    assert_eq!(calls, 1, "{lines:?}");
}

#[test]
fn a_call_whose_spans_cannot_be_built_still_ends_as_two_that_say_so() {
    let whole = call(Some(stream()));
    let mut ids = 10;
    let (told, spans) = build_spans(&whole, |call| {
        let genai = call.genai.as_ref().unwrap();
        assert!(genai.response.finish_reasons.is_empty(), "a bug in the building of spans");
        ids += 1;
        span_tree(call, &mut || SpanId::new(ids))
    });
    assert_eq!(spans.len(), 2);
    let [http, genai] = &*spans else { panic!("{spans:?}") };
    assert_eq!((http.span_id, genai.span_id), (whole.http_span, whole.genai_span));
    assert_eq!(genai.name, "chat m");
    let of = |name| genai.attribute(name).map(ToString::to_string);
    assert_eq!(of("gateway.outcome").as_deref(), Some("upstream_failed"));
    assert_eq!(of("gateway.error.class").as_deref(), Some("panic"));
    // The counters say what the spans say.
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.record(&told, &Retries::default());
    let text = metrics.render();
    let finished = ["gateway_requests_finished_total", "upstream_failed"];
    assert_eq!(value(&text, &finished), Some(1));
}

#[test]
fn a_call_of_no_known_model_says_so_as_every_call_has_a_model() {
    let nameless = GenAi { request_model: "".into(), ..stream() };
    let spans = span_tree(&call(Some(nameless.clone())), &mut || SpanId::new(9));
    let genai = spans.iter().find(|span| span.name == "chat unknown").unwrap();
    let model = genai.attribute("gen_ai.request.model").map(ToString::to_string);
    assert_eq!(model.as_deref(), Some("unknown"));
    assert!(rendered(nameless).contains("gen_ai_request_model=\"unknown\""));
}
